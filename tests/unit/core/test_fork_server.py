"""Confined processes are forked by a server, which may die and which may be asked for anything."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from appliance.core.confinement import Confinement
from appliance.core.fork_server import FORK_SERVER
from appliance.core.limits import Limits
from appliance.core.process import PythonModule, kill_group, run, stream

FOLDERS = ("/usr", "/bin", "/lib", "/lib64", sys.prefix, sys.base_prefix)
CONFINED = Confinement(tuple(map(Path, FOLDERS)), files=(Path("/etc/ld.so.cache"),))
AS_ROOT = os.geteuid() == 0


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def server() -> int:
    process = FORK_SERVER._process
    assert process is not None
    return process.pid


async def test_a_program_has_its_input_its_output_and_its_end() -> None:
    code = "import sys; print(sys.stdin.read()); sys.exit('wrong')"
    finished = await run(python(code), stdin=b"words", confinement=CONFINED)
    assert (finished.returncode, finished.stdout, finished.stderr) == (1, b"words\n", b"wrong\n")


async def test_its_limits_hold() -> None:
    code = "x = 'y' * 400_000_000"
    limits = Limits(memory=200_000_000)
    finished = await run(python(code), limits=limits, confinement=CONFINED)
    assert b"MemoryError" in finished.stderr
    finished = await run(
        python("while True: pass"), limits=Limits(cpu_seconds=1), timeout=30, confinement=CONFINED
    )
    assert finished.returncode < 0
    assert not finished.timed_out


async def test_it_starts_no_process() -> None:
    finished = await run(python("import os; os.fork()"), confinement=CONFINED)
    assert b"PermissionError" in finished.stderr


async def test_when_the_time_is_up_it_is_killed() -> None:
    finished = await run(("sleep", "600"), timeout=0.2, confinement=CONFINED)
    assert finished.timed_out
    assert finished.returncode == -signal.SIGKILL


async def test_it_inherits_no_setting_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    finished = await run(("env",), env={"GIVEN": "1"}, confinement=CONFINED)
    names = {line.split(b"=")[0] for line in finished.stdout.splitlines()}
    assert names == {b"PATH", b"HOME", b"LANG", b"GIVEN"}


async def test_when_the_server_is_killed_its_processes_end_and_another_one_serves() -> None:
    async with stream(("sh", "-c", "echo begun; exec sleep 600"), confinement=CONFINED) as running:
        assert await anext(running.lines()) == b"begun"
        killed = server()
        os.kill(killed, signal.SIGKILL)
        assert [line async for line in running.lines()] == []
    assert running.finished is not None
    assert running.finished.returncode == -signal.SIGKILL
    assert (await run(("echo", "again"), confinement=CONFINED)).stdout == b"again\n"
    assert server() != killed


async def test_what_cannot_be_started_leaves_the_others_alone() -> None:
    async with stream(("sh", "-c", "echo $$; exec sleep 600"), confinement=CONFINED) as running:
        pid = int(await anext(running.lines()))
        before = server()
        with pytest.raises(ChildProcessError):
            await run(PythonModule("appliance.no_such_module"), confinement=CONFINED)
        assert server() == before
        assert Path(f"/proc/{pid}").exists()


async def test_many_at_once_are_kept_apart() -> None:
    finished = await asyncio.gather(
        *(run(("cat",), stdin=b"%d" % number, confinement=CONFINED) for number in range(30))
    )
    assert [each.stdout for each in finished] == [b"%d" % number for number in range(30)]


async def test_a_caller_that_is_cancelled_leaves_nothing_behind() -> None:
    begun = asyncio.Event()
    found: list[int] = []

    async def hold() -> None:
        async with stream(("sh", "-c", "echo $$; exec sleep 600"), confinement=CONFINED) as held:
            found.append(int(await anext(held.lines())))
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kill_group(found[0])
    assert not Path(f"/proc/{found[0]}").exists()
