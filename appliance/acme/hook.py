"""Run the program that publishes records for DNS-01: `PROGRAM present|remove RECORD VALUE`.

It ends with 0 when the record can be seen, or is gone. Root puts it into one folder, so that who
takes over the console cannot run any other program of the machine.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from appliance.acme.errors import HookMissingError
from appliance.core.process import ProgramMissingError, run

# Records take their time until each server of a zone has them.
HOOK_SECONDS = 300.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OUTPUT_LIMIT = 16 * 1024


class Change(StrEnum):
    """What the program does with a record."""

    PRESENT = "present"
    REMOVE = "remove"


class HookFailedError(Exception):
    """The program did not do what it was asked; the message is what it wrote last."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A program in the folder of such programs. `only_root` says that others may not change it."""

    folder: Path
    name: str
    only_root: bool
    seconds: float = HOOK_SECONDS

    @property
    def program(self) -> Path:
        """The file of the program."""
        return self.folder / self.name

    async def expect_usable(self) -> None:
        """Raise HookMissingError unless the program is there, for root alone to change."""
        if not NAME.fullmatch(self.name) or not await asyncio.to_thread(self._is_usable):
            raise HookMissingError(program=self.program)

    async def change(self, change: Change, record: str, value: str) -> None:
        """Publish a record, or remove it. Raises HookMissingError and HookFailedError."""
        await self.expect_usable()
        command = (str(self.program), str(change), record, value)
        try:
            ended = await run(command, timeout=self.seconds, output_limit=_OUTPUT_LIMIT)
        except (ProgramMissingError, OSError) as error:
            raise HookMissingError(program=self.program) from error
        if not ended.succeeded:
            lines = ended.stderr.decode(errors="replace").split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "")
            raise HookFailedError(last or f"it {ended.description}")

    def _is_usable(self) -> bool:
        try:
            found = self.program.stat()
        except OSError:
            return False
        if not stat.S_ISREG(found.st_mode) or not os.access(self.program, os.X_OK):
            return False
        return not self.only_root or (found.st_uid == 0 and not found.st_mode & 0o022)
