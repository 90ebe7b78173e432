"""A program that does costly work for an event loop: one request after another, over its pipes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Self

from appliance.core.errors import ApplianceError
from appliance.core.limits import Limits
from appliance.core.process import Command, end_coprocess, start_coprocess

_LOG = logging.getLogger(__name__)
# Before each request and each answer: how many bytes it has.
_LENGTH_BYTES = 4
# Without requests for so long, the program ends and gives its memory back.
IDLE_SECONDS = 60.0


class CoprocessError(Exception):
    """The program did not start, ended or took too long; the next request starts another one."""


@dataclass(eq=False, slots=True)
class _Request:
    content: bytes
    answer: asyncio.Future[bytes] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Coprocess:
    """Asks one program, which starts with the first request: `async with Coprocess(...)`.

    A task of its own talks to the program. A caller that is cancelled leaves the queue, and the
    answer to its request is dropped: the pipes are never left in the middle of an exchange.
    """

    def __init__(
        self,
        name: str,
        argv: Command,
        *,
        deadline: float,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        idle: float = IDLE_SECONDS,
    ) -> None:
        """Take the `deadline` in seconds of each answer, after which the program is killed."""
        self._name = name
        self._argv = argv
        self._deadline = deadline
        self._limits = limits
        self._env = env
        self._idle = idle
        self._waiting: deque[_Request] = deque()
        self._arrived = asyncio.Event()
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=f"coprocess {self._name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        while self._waiting:
            _fail(self._waiting.popleft(), self._name)

    @property
    def pid(self) -> int | None:
        """The process id of the program while it runs."""
        return self._process.pid if self._process else None

    async def ask(self, request: bytes) -> bytes:
        """Return the program's answer. Raises CoprocessError."""
        if self._task is None:
            raise CoprocessError(self._name)
        asked = _Request(request)
        self._waiting.append(asked)
        self._arrived.set()
        return await asked.answer

    async def _run(self) -> None:
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._idle if self._process else None):
                        await self._arrived.wait()
                if not self._waiting:
                    await self._end()
                while self._waiting:
                    await self._serve(self._waiting.popleft())
                self._arrived.clear()
        finally:
            await self._end()

    async def _serve(self, asked: _Request) -> None:
        if asked.answer.done():
            return
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._exchange(asked.content)
        except (OSError, EOFError, ApplianceError) as error:
            # TimeoutError is an OSError.
            _LOG.warning("coprocess failed name=%s error=%r", self._name, error)
            try:
                await self._end()
            finally:
                _fail(asked, self._name)
        except asyncio.CancelledError:
            _fail(asked, self._name)
            raise
        else:
            if not asked.answer.done():
                asked.answer.set_result(answer)

    async def _exchange(self, content: bytes) -> bytes:
        if self._process is None:
            self._process = await start_coprocess(self._argv, limits=self._limits, env=self._env)
        writer, reader = self._process.stdin, self._process.stdout
        if writer is None or reader is None:
            raise EOFError
        writer.write(len(content).to_bytes(_LENGTH_BYTES, "big") + content)
        await writer.drain()
        length = await reader.readexactly(_LENGTH_BYTES)
        return await reader.readexactly(int.from_bytes(length, "big"))

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await end_coprocess(process)


def _fail(asked: _Request, name: str) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(CoprocessError(name))


def read_request(source: BinaryIO) -> bytes | None:
    """Return the next request of the program that runs us; None when there will be no more."""
    length = source.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        return None
    return source.read(int.from_bytes(length, "big"))


def write_answer(target: BinaryIO, answer: bytes) -> None:
    """Send an answer to the program that runs us."""
    target.write(len(answer).to_bytes(_LENGTH_BYTES, "big") + answer)
    target.flush()
