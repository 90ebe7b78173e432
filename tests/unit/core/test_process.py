"""Programs are run within limits and never outlive the question."""

from __future__ import annotations

import asyncio
import gc
import getpass
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.core.limits import Limits, within_limits
from appliance.core.process import (
    ProgramMissingError,
    as_account,
    describe_exit,
    environment,
    run,
    spawn,
    stream,
)

PYTHON = sys.executable
AS_ROOT = os.geteuid() == 0


def python(code: str) -> tuple[str, ...]:
    return (PYTHON, "-u", "-c", code)


def gone(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] in {"Z", "X"}


async def until_gone(pid: int) -> None:
    """A killed process takes a moment to end."""
    async with asyncio.timeout(30):
        while not gone(pid):
            await asyncio.sleep(0.01)


async def test_it_returns_what_a_program_wrote_and_how_it_ended() -> None:
    finished = await run(python("import sys; print('out'); sys.exit('err')"))
    assert (finished.returncode, finished.stdout, finished.stderr) == (1, b"out\n", b"err\n")
    assert not finished.succeeded
    assert finished.description == "ended with code 1"


async def test_it_gives_a_program_its_input() -> None:
    finished = await run(("cat",), stdin=b"x" * 300_000)
    assert finished.succeeded
    assert finished.stdout == b"x" * 300_000


async def test_a_program_that_does_not_read_its_input_is_not_at_fault() -> None:
    assert (await run(("true",), stdin=b"x" * 3_000_000)).succeeded


async def test_a_program_that_dies_in_the_middle_of_its_input_leaves_no_complaint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await run(python("import sys; sys.stdin.read(1)"), stdin=b"x" * 3_000_000)
    gc.collect()
    assert caplog.text == ""


async def test_output_over_the_limit_is_dropped() -> None:
    finished = await run(python("print('x' * 1_000_000)"), output_limit=10)
    assert finished.stdout == b"x" * 10
    assert finished.succeeded


async def test_when_the_time_is_up_the_program_and_its_children_are_killed() -> None:
    code = (
        "import subprocess, time\n"
        "print(subprocess.Popen(['sleep', '600']).pid, flush=True)\n"
        "time.sleep(600)"
    )
    finished = await run(python(code), timeout=0.5)
    assert finished.timed_out
    assert finished.returncode == -signal.SIGKILL
    assert finished.description == "ran out of time"
    await until_gone(int(finished.stdout))


async def test_when_the_caller_is_cancelled_the_program_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    task = asyncio.create_task(run(python(code)))
    while not (file.exists() and file.read_text()):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_gone(int(file.read_text()))


async def test_memory_is_limited() -> None:
    limits = Limits(memory=200_000_000)
    finished = await run(python("x = 'y' * 400_000_000"), limits=limits)
    assert b"MemoryError" in finished.stderr


async def test_processor_time_is_limited() -> None:
    finished = await run(python("while True: pass"), limits=Limits(cpu_seconds=1), timeout=30)
    assert finished.returncode < 0
    assert not finished.timed_out


async def test_the_size_of_written_files_is_limited(tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'f')!r}, 'wb').write(b'x' * 100_000)"
    assert not (await run(python(code), limits=Limits(file_size=1000))).succeeded
    assert (tmp_path / "f").stat().st_size <= 1000


async def test_the_number_of_tasks_is_limited() -> None:
    """The kernel does not count those of root."""
    code = "import os, threading; threading.Thread(target=print).start()"
    finished = await run(
        python(code), limits=Limits(tasks=1), account="nobody" if AS_ROOT else None
    )
    assert b"can't start new thread" in finished.stderr


async def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(ProgramMissingError, match="no-such-program"):
        await run(("no-such-program",))
    with pytest.raises(ProgramMissingError):
        await spawn(("no-such-program",))


async def test_the_environment_is_only_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    finished = await run(("env",), env={"GIVEN": "1"})
    names = {line.split(b"=")[0] for line in finished.stdout.splitlines()}
    assert names == {b"PATH", b"HOME", b"LANG", b"GIVEN"}
    assert environment()["LANG"] == "C.UTF-8"


async def test_no_program_can_gain_privileges() -> None:
    finished = await run(("grep", "NoNewPrivs", "/proc/self/status"))
    assert finished.stdout.split() == [b"NoNewPrivs:", b"1"]


async def test_lines_arrive_while_the_program_runs() -> None:
    code = "import time\nprint('one', flush=True)\ntime.sleep(0.2)\nprint('two')"
    async with stream(python(code)) as running:
        lines = [line async for line in running.lines()]
    assert lines == [b"one", b"two"]
    assert running.finished is not None
    assert running.finished.succeeded


async def test_a_stream_that_is_left_early_kills_the_program() -> None:
    code = "import time\nwhile True:\n    print('x', flush=True)\n    time.sleep(0.01)"
    async with stream(python(code)) as running:
        async for _ in running.lines():
            break
    assert running.finished is not None
    assert running.finished.returncode == -signal.SIGKILL


async def test_a_stream_ends_when_the_time_is_up() -> None:
    async with stream(
        python("import time; print(1, flush=True); time.sleep(600)"), timeout=0.5
    ) as s:
        assert [line async for line in s.lines()] == [b"1"]
    assert s.finished is not None
    assert s.finished.timed_out


async def test_a_stream_keeps_the_errors() -> None:
    async with stream(python("import sys; sys.exit('broken')")) as running:
        assert [line async for line in running.lines()] == []
    assert running.finished is not None
    assert running.finished.stderr == b"broken\n"


async def test_a_stream_has_its_input_too() -> None:
    async with stream(("cat",), stdin=b"a\nb\n") as running:
        assert [line async for line in running.lines()] == [b"a", b"b"]
    assert running.finished is not None
    assert running.finished.succeeded


async def test_a_line_without_end_kills_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.core.process.LINE_LIMIT", 1000)
    async with stream(python("print('x' * 1_000_000)")) as running:
        assert [line async for line in running.lines()] == []
    assert running.finished is not None


async def test_a_spawned_program_leads_its_own_session() -> None:
    running = await spawn(python("import os; print(os.getsid(0) == os.getpid())"))
    assert await running.output.read() == b"True\n"
    assert await running.process.wait() == 0
    running.pipe.close()


def test_limits_become_a_command_line() -> None:
    limits = Limits(memory=1, cpu_seconds=2, file_size=3)
    command = within_limits(("cat", "-"), limits)
    assert command[:4] == ("setpriv", "--pdeathsig=KILL", "--no-new-privs", "--")
    assert command[-8:] == (
        *("prlimit", "--core=0", "--as=1", "--cpu=2", "--fsize=3", "--"),
        *("cat", "-"),
    )


def test_a_program_whose_starter_is_gone_does_not_begin(tmp_path: Path) -> None:
    command = within_limits(("touch", str(tmp_path / "begun")), None)
    # The shell in between is the parent now, as init is when we are killed.
    subprocess.run(("sh", "-c", '"$@"; true', "sh", *command), check=True)
    assert not (tmp_path / "begun").exists()
    subprocess.run(command, check=True)
    assert (tmp_path / "begun").exists()


def test_an_account_is_changed_only_by_root(monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_account(("true",), None) == ("true",)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert as_account(("true",), "nobody") == ("true",)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    command = as_account(("true",), "nobody")
    assert command[:3] == ("setpriv", "--reuid=65534", "--regid=65534")
    assert command[-2:] == ("--", "true")


async def test_a_program_runs_as_its_account() -> None:
    finished = await run(("id", "-un"), account="nobody" if AS_ROOT else None)
    assert finished.succeeded
    assert finished.stdout.decode().strip() == ("nobody" if AS_ROOT else getpass.getuser())


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended with code 0"), (-9, "killed by SIGKILL"), (-99, "killed by signal 99")],
)
def test_an_exit_status_is_described(code: int, words: str) -> None:
    assert describe_exit(code) == words
