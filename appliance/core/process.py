"""The only place that starts programs: a command line is a tuple, its environment is explicit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from appliance.core.child_process import ChildProcess, Start, start_child
from appliance.core.confinement import Confinement
from appliance.core.errors import ApplianceError
from appliance.core.limits import Limits, within_limits

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PythonModule:
    """A module of ours as a program: its function `main` gets the arguments."""

    name: str
    arguments: tuple[str, ...] = ()


SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OUTPUT_LIMIT = 1024 * 1024
LINE_LIMIT = 16 * 1024 * 1024
BLOCK = 65536
# A program that was killed ends at once, unless a call to a disk that does not answer holds it.
_KILLED_SECONDS = 10.0
# How long the output of a program that was killed is read to its end.
_LAST_OUTPUT_SECONDS = 1.0


class ProgramMissingError(ApplianceError):
    """A program that is needed is not installed."""

    code = "program_missing"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The program {program} is not installed."
    hint = "Install the package that contains it, then try again."


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended, and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the program itself said that all went well."""
        return self.returncode == 0 and not self.timed_out

    @property
    def description(self) -> str:
        """Say how it ended, for a log or a sentence."""
        return "ran out of time" if self.timed_out else describe_exit(self.returncode)


def describe_exit(returncode: int) -> str:
    """Say what an exit status means; a negative one is the number of a signal."""
    if returncode >= 0:
        return f"ended with code {returncode}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-returncode).name}"
    return f"killed by signal {-returncode}"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the whole environment of a program: nothing is inherited that is not named here."""
    minimal = {
        "PATH": os.environ.get("PATH") or SEARCH_PATH,
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
    }
    return {**minimal, **(extra or {})}


def as_account(argv: Command, account: str | None) -> Command:
    """Return the command that runs `argv` as `account`, which only root can; else `argv` itself."""
    if account is None or os.geteuid() != 0:
        return argv
    entry = pwd.getpwnam(account)
    return (
        "setpriv",
        f"--reuid={entry.pw_uid}",
        f"--regid={entry.pw_gid}",
        "--init-groups",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
        *argv,
    )


def kill_group(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to the process group of `pid`; a group that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


async def find_program(program: str, variables: Mapping[str, str]) -> Path:
    """Return the file of the program on the PATH of `variables`. Raises ProgramMissingError."""
    found = await asyncio.to_thread(shutil.which, program, path=variables["PATH"])
    if found is None:
        raise ProgramMissingError(program=program)
    return Path(found)


async def _read_capped(reader: asyncio.StreamReader, limit: int) -> bytes:
    """Read to the end, keep the first `limit` bytes, drop the rest."""
    kept = bytearray()
    while block := await reader.read(BLOCK):
        kept += block[: max(0, limit - len(kept))]
    return bytes(kept)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the caller of a short program asks for."""

    argv: Command | PythonModule
    limits: Limits | None
    stdin: bytes | Path | None
    env: Mapping[str, str] | None
    cwd: Path | None
    account: str | None
    confinement: Confinement | None


async def _start(wanted: _Wanted) -> Start:
    variables = environment(wanted.env)
    limits = wanted.limits or Limits()
    if isinstance(wanted.argv, PythonModule):
        argv, program = (wanted.argv.name, *wanted.argv.arguments), None
    else:
        argv, program = wanted.argv, await find_program(wanted.argv[0], variables)
    if wanted.confinement is None:
        argv = as_account(within_limits(argv, limits), wanted.account)
    return Start(
        argv=argv,
        program=program,
        env=variables,
        line_limit=LINE_LIMIT,
        stdin=wanted.stdin,
        cwd=wanted.cwd,
        confinement=wanted.confinement,
        limits=limits.given(),
    )


@asynccontextmanager
async def _started(wanted: _Wanted) -> AsyncIterator[ChildProcess]:
    """Start a short program in its own group, and leave nothing of the group behind."""
    process = await start_child(await _start(wanted))
    try:
        yield process
    finally:
        kill_group(process.pid)
        try:
            await _killed(process)
        finally:
            process.close()


async def _killed(process: ChildProcess) -> None:
    """Wait for the end of a program that was killed; one that the kernel holds up is left to it."""
    ending = asyncio.ensure_future(process.wait())
    await asyncio.wait({ending}, timeout=_KILLED_SECONDS)
    ending.cancel()


async def run(  # noqa: PLR0913 - what a program needs to start
    argv: Command | PythonModule,
    *,
    timeout: float = 60.0,  # noqa: ASYNC109 - the program is killed, not only left
    limits: Limits | None = None,
    stdin: bytes | Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: str | None = None,
    confinement: Confinement | None = None,
    output_limit: int = OUTPUT_LIMIT,
) -> Finished:
    """Run a short program to its end and return what it wrote, each stream up to `output_limit`.

    It reads `stdin`, bytes or a file, as its standard input. With a `confinement` it is left with
    no more than that names; a Python module needs one.
    The program and everything it started are killed when the time is up or the caller is
    cancelled. Raises ProgramMissingError when the program is not installed.
    """
    timed_out = False
    wanted = _Wanted(argv, limits, stdin, env, cwd, account, confinement)
    async with _started(wanted) as process:
        outputs = asyncio.gather(
            _read_capped(process.stdout, output_limit),
            _read_capped(process.stderr, output_limit),
        )
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(outputs)
                await process.wait()
        except TimeoutError:
            timed_out = True
            await _end(process, outputs)
        stdout, stderr = await outputs
    return _finished(process, stdout, stderr, timed_out=timed_out)


async def _end(process: ChildProcess, reading: asyncio.Future[Any]) -> None:
    """Kill the program, and read the rest of its output unless a process that left it holds on."""
    kill_group(process.pid)
    await _killed(process)
    await asyncio.wait({reading}, timeout=_LAST_OUTPUT_SECONDS)
    process.close()


def _finished(process: ChildProcess, stdout: bytes, stderr: bytes, *, timed_out: bool) -> Finished:
    code = process.returncode if process.returncode is not None else -signal.SIGKILL
    return Finished(code, stdout, stderr, timed_out=timed_out)


class Stream:
    """A running program whose output is read line by line."""

    def __init__(self, process: ChildProcess) -> None:
        self._process = process
        self._output = process.stdout
        self.finished: Finished | None = None

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield each line without its end; a line over 16 MiB kills the program."""
        while True:
            try:
                line = await self._output.readline()
            except ValueError:
                kill_group(self._process.pid)
                return
            if not line:
                return
            yield line.removesuffix(b"\n")


@asynccontextmanager
async def stream(  # noqa: PLR0913 - what a program needs to start
    argv: Command | PythonModule,
    *,
    timeout: float = 60.0,  # noqa: ASYNC109 - the program is killed, not only left
    limits: Limits | None = None,
    stdin: bytes | Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: str | None = None,
    confinement: Confinement | None = None,
) -> AsyncIterator[Stream]:
    """Start a program, lend its lines; on leaving the block `finished` says how it ended.

    When the time is up the program is killed, so that the lines come to an end. A block that is
    left early kills the program, too. Raises ProgramMissingError.
    """
    loop = asyncio.get_running_loop()
    wanted = _Wanted(argv, limits, stdin, env, cwd, account, confinement)
    async with _started(wanted) as process:
        deadline = loop.time() + timeout
        timer = loop.call_at(deadline, kill_group, process.pid)
        stderr = asyncio.ensure_future(_read_capped(process.stderr, OUTPUT_LIMIT))
        lent = Stream(process)
        try:
            yield lent
        finally:
            if process.stdout.at_eof():
                await process.wait()
            else:
                kill_group(process.pid)
                await _killed(process)
            timer.cancel()
            await asyncio.wait({stderr}, timeout=_LAST_OUTPUT_SECONDS)
            process.close()
            timed_out = loop.time() >= deadline
            lent.finished = _finished(process, b"", await stderr, timed_out=timed_out)


@dataclass(frozen=True, slots=True)
class Running:
    """A long-running program: the leader of a session of its own."""

    process: Process
    output: asyncio.StreamReader
    pipe: asyncio.ReadTransport

    @property
    def pid(self) -> int:
        """The process, and the number of its group and session."""
        return self.process.pid


async def spawn(
    argv: Command,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: str | None = None,
) -> Running:
    """Start a long-running program; its output and its errors arrive in one pipe.

    The pipe is ours and not asyncio's, because waiting for the process would otherwise wait for
    every grandchild that still holds it. Raises ProgramMissingError.
    """
    variables = environment(env)
    await find_program(argv[0], variables)
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
    )
    try:
        process = await asyncio.create_subprocess_exec(
            *as_account(argv, account),
            stdin=DEVNULL,
            stdout=writing,
            stderr=writing,
            env=variables,
            cwd=cwd,
            start_new_session=True,
        )
    except BaseException:
        pipe.close()
        raise
    finally:
        os.close(writing)
    return Running(process, reader, pipe)


async def start_coprocess(
    argv: Command, *, limits: Limits | None = None, env: Mapping[str, str] | None = None
) -> Process:
    """Start a program that reads requests and writes answers; its errors go where ours go.

    The caller ends it with `end_coprocess`. Raises ProgramMissingError.
    """
    variables = environment(env)
    await find_program(argv[0], variables)
    return await asyncio.create_subprocess_exec(
        *within_limits(argv, limits),
        stdin=PIPE,
        stdout=PIPE,
        env=variables,
        start_new_session=True,
    )


async def end_coprocess(process: Process) -> None:
    """Kill a program and all that it started, and wait for its end."""
    kill_group(process.pid)
    if process.stdin is not None:
        process.stdin.close()
    # A pipe without a reader is never seen to end, and waiting would not end either.
    if process.stdout is not None:
        await _read_capped(process.stdout, 0)
    await process.wait()
