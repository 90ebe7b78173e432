"""A unit's log in a file that is turned over by size; its last lines are in memory, too."""

from __future__ import annotations

import asyncio
from pathlib import Path

from appliance.core.variables import MEBIBYTE
from appliance.units.log_buffer import LogBuffer
from appliance.units.log_priority import Edit, unchanged

LONGEST_LINE = 8192


class UnitLog(LogBuffer):
    """The log of one unit. Two turned-over files are kept beside it, as NAME.log.1 and .2.

    `edit` takes out of each line what is not to be recorded.
    """

    def __init__(
        self, path: Path, *, size: int = 5 * MEBIBYTE, kept: int = 2, edit: Edit = unchanged
    ) -> None:
        super().__init__()
        self._path = path
        self._edit = edit
        self._size = size
        self._kept = kept
        self._partial = b""

    async def append(self, block: bytes) -> None:
        """Take what the unit wrote. A full disk loses lines, but stops no unit."""
        *complete, self._partial = (self._partial + block).split(b"\n")
        if len(self._partial) > LONGEST_LINE:
            complete.append(self._partial)
            self._partial = b""
        if complete:
            await self._record([self._edit(line) for line in complete])

    async def note(self, sentence: str) -> None:
        """Add a line of our own."""
        await self.append(f"cloister: {sentence}\n".encode())

    async def finish(self) -> None:
        """Publish a last line that had no end."""
        if self._partial:
            await self.append(b"\n")

    async def _record(self, lines: list[bytes]) -> None:
        for line in lines:
            self.publish(line.decode("utf-8", "replace"))
        await asyncio.to_thread(self._write, b"".join(line + b"\n" for line in lines))

    def _write(self, block: bytes) -> None:
        try:
            if self._path.exists() and self._path.stat().st_size + len(block) > self._size:
                self._turn_over()
            with self._path.open("ab") as file:
                file.write(block)
        except OSError:
            # The lines are still in memory, and the log must never stop what it is about.
            return

    def _turn_over(self) -> None:
        files = [self._path, *(Path(f"{self._path}.{n}") for n in range(1, self._kept + 1))]
        for older, newer in zip(reversed(files[1:]), reversed(files[:-1]), strict=True):
            if newer.exists():
                newer.replace(older)
