"""What a copy asks of the place that it goes to, whatever the way there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from typing_extensions import override

from appliance.offsite.model import Protection
from appliance.repository.damage import FOLDERS, FileKind
from appliance.repository.files import CONFIG

# What is sent between two looks at the clock.
BLOCK = 64 * 1024
# No answer, and no byte taken, for so long is the end of a connection.
SILENCE_SECONDS = 60.0
CONNECT_SECONDS = 15.0

Pace = Callable[[int], Awaitable[None]]
"""Awaited before so many bytes are sent: it waits until they may go."""


@dataclass(frozen=True, slots=True, order=True)
class RepositoryFile:
    """A file of a repository. `name` is the SHA-256 of its content; `config` has no name."""

    kind: FileKind
    name: str = ""

    @property
    def path(self) -> str:
        """Where it is below the root: packs are spread over folders of their first two digits."""
        match self.kind:
            case FileKind.CONFIG:
                return CONFIG
            case FileKind.PACK:
                return f"{self.kind}/{self.name[:2]}/{self.name}"
            case FileKind.KEY | FileKind.INDEX | FileKind.SNAPSHOT:
                return f"{self.kind}/{self.name}"

    @override
    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" if self.name else str(self.kind)


CONFIG_FILE = RepositoryFile(FileKind.CONFIG)
# Folders at the root of a place that keeps files in folders.
ROOT_FOLDERS = tuple(str(kind) for kind in FOLDERS)


class Readable(Protocol):
    """The files of one repository. Each work raises the errors of `appliance.offsite.errors`."""

    async def sizes(self, kind: FileKind) -> dict[str, int]:
        """Return the names of the files of a kind, with their sizes; of config, "" if it exists."""
        ...

    async def size(self, file: RepositoryFile) -> int | None:
        """Return how large a file is; None where it does not exist."""
        ...

    def read(self, file: RepositoryFile, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part of a file."""
        ...


class Place(Readable, Protocol):
    """A place that holds a copy."""

    async def prepare(self) -> None:
        """Make the place ready for its first copy. What is there already stays."""
        ...

    async def expect_ready(self) -> None:
        """Return if the place is the one that was prepared. Raises TargetNotMountedError."""
        ...

    async def put(self, file: RepositoryFile, content: bytes, pace: Pace) -> None:
        """Add a file: under its name it is whole or not there at all. Raises FileThereError."""
        ...

    async def try_to_delete(self, file: RepositoryFile) -> Protection:
        """Try to delete a file without use; return what kept it, NONE if it is gone."""
        ...

    async def free(self) -> int | None:
        """Return the bytes that are left; None where the place does not say it."""
        ...


def blocks(content: bytes) -> Iterator[bytes]:
    """Yield the content in the pieces in which it is sent."""
    for start in range(0, len(content), BLOCK):
        yield content[start : start + BLOCK]
