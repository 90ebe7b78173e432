"""What happened while the database was down: kept in a small file, and added afterwards.

A line is one note. It is on the disk before the operation goes on, and stays there until its entry
is committed; its number makes sure that it is added once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from appliance.actors.model import System
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.core.files import PRIVATE, fsync_directory, write_atomically

logger = logging.getLogger(__name__)

FILE = "audit-notes.jsonl"
# About a thousand notes. In a longer outage the notes end with one that says so.
MOST_BYTES = 256 * 1024
_LONGEST = 4096


class NoteTooLongError(ValueError):
    """A note that is longer than a line of the file may be."""


@dataclass(frozen=True, slots=True)
class Note:
    """One operation, by whom, and when it happened."""

    id: UUID
    happened_at: datetime
    actor: str
    event: AuditEvent

    def as_line(self) -> bytes:
        """Return the line of the file. Raises NoteTooLongError."""
        event = self.event
        values = {
            "id": str(self.id),
            "happened_at": self.happened_at.isoformat(),
            "actor": self.actor,
            "action": event.action,
            "object_type": event.object_type,
            "object_id": event.object_id,
            "name": event.name,
            "detail": dict(event.detail),
        }
        line = json.dumps(values).encode() + b"\n"
        if len(line) > _LONGEST:
            raise NoteTooLongError
        return line

    @classmethod
    def parse(cls, line: bytes) -> Note:
        """Read a line. Raises ValueError, KeyError and TypeError."""
        found = json.loads(line)
        event = AuditEvent(
            Action(found["action"]),
            ObjectType(found["object_type"]),
            str(found["object_id"]),
            str(found["name"]),
            {str(name): value for name, value in found["detail"].items()},
        )
        at = datetime.fromisoformat(found["happened_at"])
        return cls(UUID(found["id"]), at, str(found["actor"]), event)


@dataclass(slots=True)
class OutageNotes:
    """The file of one process; all its methods may be called at once."""

    folder: Path
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def _path(self) -> Path:
        return self.folder / FILE

    async def keep(self, note: Note) -> bool:
        """Write a note down, and return whether there was room for it. Raises OSError."""
        async with self._lock:
            return await asyncio.to_thread(self._keep, note)

    async def notes(self) -> Sequence[Note]:
        """Return what waits to be added, the oldest first. Raises OSError.

        Lines that a crash has cut are logged, and removed: of these nothing is known.
        """
        async with self._lock:
            return await asyncio.to_thread(self._notes)

    async def remove(self, added: Collection[UUID]) -> None:
        """Remove notes whose entries are committed. Raises OSError."""
        async with self._lock:
            await asyncio.to_thread(self._remove, added)

    def _keep(self, note: Note) -> bool:
        # Its parent is the home of the appliance; without it there is nothing to write to.
        self.folder.mkdir(mode=PRIVATE, exist_ok=True)
        content = self._content()
        try:
            line, has_room = note.as_line(), len(content) + _LONGEST <= MOST_BYTES
        except NoteTooLongError:
            return False
        if not has_room:
            if self._is_full(content):
                return False
            line = _gap(note.happened_at).as_line()
        # A line that a crash has cut is left as it is, and the new one begins after it.
        self._append(line if content.endswith(b"\n") or not content else b"\n" + line)
        return has_room

    def _append(self, line: bytes) -> None:
        is_new = not self._path.exists()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            fsync_directory(self.folder)

    def _content(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""

    def _notes(self) -> list[Note]:
        found, damaged = _parsed(self._content())
        if damaged:
            logger.warning("notes for the audit are damaged: lines=%d", damaged)
            self._write(found)
        return found

    def _is_full(self, content: bytes) -> bool:
        notes, _ = _parsed(content)
        return bool(notes) and notes[-1].event.action is Action.AUDIT_GAP

    def _remove(self, added: Collection[UUID]) -> None:
        self._write([note for note in _parsed(self._content())[0] if note.id not in added])

    def _write(self, notes: Sequence[Note]) -> None:
        if notes:
            write_atomically(self._path, b"".join(note.as_line() for note in notes))
        else:
            self._path.unlink(missing_ok=True)
            fsync_directory(self.folder)


def _gap(at: datetime) -> Note:
    """Return the last note of a full file: what happens from now on is in no note."""
    return Note(uuid4(), at, System.name, AuditEvent(Action.AUDIT_GAP, ObjectType.AUDIT))


def _parsed(content: bytes) -> tuple[list[Note], int]:
    """Return the notes of whole lines, and how many lines are none."""
    found, damaged = [], 0
    for line in filter(None, content.splitlines()):
        try:
            found.append(Note.parse(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            damaged += 1
    return found, damaged
