"""A program that runs as a child, and the thread that starts it and waits for its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

from appliance.core.confinement import Confinement
from appliance.core.fork_server import FORK_SERVER, ForkedChild, ForkRequest

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Start:
    """Everything that a program needs to start.

    `program` is the file of the program, None for a module of ours, which only a confinement can
    run. Bytes arrive at its standard input as a file in memory, a path as that file. A line of
    output may have `line_limit` bytes. `limits` are for a confined program; the others get theirs
    from programs in `argv`.
    """

    argv: tuple[str, ...]
    program: Path | None
    env: Mapping[str, str]
    line_limit: int
    stdin: bytes | Path | None = None
    cwd: Path | None = None
    confinement: Confinement | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


class ChildProcess:
    """A running child, in a session of its own. Use `start_child`, and close it at the end."""

    def __init__(
        self,
        pid: int,
        ended: asyncio.Future[int],
        stdout: _Output,
        stderr: _Output,
    ) -> None:
        self.pid = pid
        self.stdout = stdout.reader
        self.stderr = stderr.reader
        self._outputs = (stdout, stderr)
        self._ended = ended

    @property
    def returncode(self) -> int | None:
        """How the child ended, None while it runs; a negative number is that of a signal."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Return how the child ended, after its end."""
        return await asyncio.shield(self._ended)

    def close(self) -> None:
        """Let go of the output. A process that still holds it can write to it no longer."""
        for output in self._outputs:
            output.close()


class _Output:
    """A pipe from the child."""

    def __init__(
        self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport, writing: int
    ) -> None:
        self.reader = reader
        self.writing = writing
        self._transport = transport

    @classmethod
    async def opened(cls, line_limit: int) -> _Output:
        """Open a pipe; its writing end is the caller's to close."""
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        reader = asyncio.StreamReader(limit=line_limit)
        try:
            transport, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
            )
        except BaseException:
            os.close(writing)
            raise
        return cls(reader, transport, writing)

    def close(self) -> None:
        self._transport.close()


async def start_child(start: Start) -> ChildProcess:
    """Start the program. Raises OSError; a caller that is cancelled leaves no child behind."""
    loop = asyncio.get_running_loop()
    stdout = await _Output.opened(start.line_limit)
    try:
        stderr = await _Output.opened(start.line_limit)
    except BaseException:
        os.close(stdout.writing)
        stdout.close()
        raise
    life = _Life(loop, loop.create_future(), loop.create_future())
    arguments = (start, stdout.writing, stderr.writing)
    threading.Thread(target=life.run, args=arguments, name="child", daemon=True).start()
    try:
        pid = await asyncio.shield(life.started)
    except BaseException:
        life.started.add_done_callback(_abandon)
        stdout.close()
        stderr.close()
        raise
    return ChildProcess(pid, life.ended, stdout, stderr)


def _abandon(started: asyncio.Future[int]) -> None:
    if started.exception() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.result(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class _Life:
    """The life of one child, in a thread of its own.

    The thread stays until the child ends, because the kernel kills a child that asked for it when
    the thread that started it ends.
    """

    loop: asyncio.AbstractEventLoop
    started: asyncio.Future[int]
    ended: asyncio.Future[int]

    def run(self, start: Start, stdout: int, stderr: int) -> None:
        """Start the child and wait for its end; report both to the loop."""
        try:
            child = _launched(start, stdout, stderr)
        except BaseException as error:  # noqa: BLE001 - it is raised where the child is awaited
            self._report(self.started.set_exception, error)
            return
        finally:
            # From here on the pipes are the child's, and end with it.
            os.close(stdout)
            os.close(stderr)
        self._report(self.started.set_result, child.pid)
        self._report(self.ended.set_result, child.wait())

    def _report(self, report: Callable[[_Result], None], result: _Result) -> None:
        # A loop that is closed has no use for it.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(report, result)


def _launched(start: Start, stdout: int, stderr: int) -> ForkedChild | subprocess.Popen[bytes]:
    with _standard_input(start.stdin) as stdin:
        if start.confinement is not None:
            request = ForkRequest(
                argv=start.argv,
                program=start.program,
                env=start.env,
                limits=start.limits,
                confinement=start.confinement,
                reopens=isinstance(start.stdin, Path),
            )
            return FORK_SERVER.launch(request, (stdin.fileno(), stdout, stderr))
        return subprocess.Popen(
            start.argv,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=start.env,
            cwd=start.cwd,
            start_new_session=True,
        )


def _standard_input(given: bytes | Path | None) -> BinaryIO:
    if not isinstance(given, bytes):
        return Path(given or os.devnull).open("rb")
    file = os.fdopen(os.memfd_create("input"), "w+b")
    file.write(given)
    file.seek(0)
    return file
