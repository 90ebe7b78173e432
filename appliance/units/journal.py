"""The units' lines out of systemd's journal, by one program that follows it for all of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.process import BLOCK, Command, Running, kill_group, spawn
from appliance.core.variables import MEBIBYTE
from appliance.units.log_buffer import KEPT_LINES, LogBuffer
from appliance.units.logs import LONGEST_LINE

# A line of the journal is cut by journald far below this; what is longer is not one.
LONGEST_ENTRY = 4 * MEBIBYTE
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
# Which unit a message is about: first what says so expressly, as systemd's own messages do.
_ABOUT = ("UNIT", "OBJECT_SYSTEMD_UNIT", "COREDUMP_UNIT", "_SYSTEMD_UNIT")
_FIELDS = ("MESSAGE", *_ABOUT)
_UNREADABLE = "(a message that is no text)"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: the units that it may be about, its lines, and its place in the journal."""

    units: tuple[str, ...]
    lines: tuple[str, ...]
    cursor: str | None


def read_entry(line: bytes) -> Entry | None:
    """Return what a line of `journalctl --output=json` says, or None when it is not one."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    units = tuple(name for field in _ABOUT for name in _texts(fields.get(field)))
    message = "\n".join(_texts(fields.get("MESSAGE"))) or _UNREADABLE
    lines = tuple(part[:LONGEST_LINE] for part in message.rstrip("\n").split("\n"))
    return Entry(units, lines, next(iter(_texts(fields.get("__CURSOR"))), None))


def _texts(value: object) -> tuple[str, ...]:
    """Return the values of a field: text, bytes as numbers, several of either, or null."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return ()
    if value and all(isinstance(item, int) and 0 <= item < 256 for item in value):
        return (bytes(value).decode("utf-8", "replace"),)
    return tuple(text for item in value for text in _texts(item))


def follow_command(program: Command, services: tuple[str, ...], cursor: str | None) -> Command:
    """Return the command that prints the last lines of services, or all since `cursor`."""
    begin = (f"--after-cursor={cursor}", "--lines=all") if cursor else (f"--lines={KEPT_LINES}",)
    return (
        *program,
        "--follow",
        "--quiet",
        "--all",
        "--output=json",
        f"--output-fields={','.join(_FIELDS)}",
        *begin,
        *(f"--unit={service}" for service in services),
    )


class Journal:
    """Gives each line of the journal to the buffer of its unit."""

    def __init__(self, buffers: Mapping[str, LogBuffer], *, program: Command, clock: Clock) -> None:
        self._buffers = buffers
        self._program = program
        self._clock = clock
        self._cursor: str | None = None
        self._pause = FIRST_PAUSE

    async def follow(self) -> None:
        """Follow without end: the program is started again whenever it ends."""
        while True:
            try:
                await self._follow_once()
            except (ApplianceError, OSError) as error:
                logger.warning("the journal cannot be followed: %s", error)
            await self._clock.sleep(self._pause)
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)

    async def _follow_once(self) -> None:
        command = follow_command(self._program, tuple(self._buffers), self._cursor)
        running = await spawn(command)
        try:
            async for line in _lines(running.output):
                self._take(line)
        finally:
            await _end(running)
        logger.warning("journalctl ended with code %s", running.process.returncode)

    def _take(self, line: bytes) -> None:
        entry = read_entry(line)
        if entry is None:
            logger.warning("journalctl: %s", line.decode("utf-8", "replace")[:LONGEST_LINE])
            return
        self._pause = FIRST_PAUSE
        self._cursor = entry.cursor or self._cursor
        if unit := next((name for name in entry.units if name in self._buffers), None):
            for text in entry.lines:
                self._buffers[unit].publish(text)


async def _end(running: Running) -> None:
    kill_group(running.pid)
    running.pipe.close()
    # A cancelled follower still takes its program with it.
    await asyncio.shield(running.process.wait())


async def _lines(output: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield whole lines; one that is too long to be an entry is dropped."""
    rest = b""
    while block := await output.read(BLOCK):
        *complete, rest = (rest + block).split(b"\n")
        for line in complete:
            if line:
                yield line
        if len(rest) > LONGEST_ENTRY:
            rest = b""
