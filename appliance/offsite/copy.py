"""Copy the files of this machine's repository to a target: ciphertext, and never a deletion."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from appliance.core.errors import ApplianceError
from appliance.offsite.errors import (
    CopyDamagedError,
    CopyFullError,
    FileThereError,
    TargetFullError,
    TargetOfAnotherError,
)
from appliance.offsite.places.place import CONFIG_FILE, Pace, Place, RepositoryFile
from appliance.offsite.plan import LISTED, Plan, must_wait, plan
from appliance.offsite.source import Source
from appliance.offsite.timing import Line
from appliance.repository.damage import FileKind
from appliance.web.formats import size

Progressed = Callable[[int, int], None]
"""Takes the bytes that are sent, and all that are to be sent."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy brought, and what the target holds now.

    `newest` is when the newest of the `snapshots` that are there was made.
    """

    sent_files: int
    sent_bytes: int
    files: int
    bytes: int
    snapshots: frozenset[str]
    newest: datetime | None


async def config_of(place: Place) -> bytes | None:
    """Return the file that says whose place it is; None where there is none."""
    size = await place.size(CONFIG_FILE)
    if size is None:
        return None
    return b"".join([part async for part in place.read(CONFIG_FILE, 0, size)])


async def shares_keys(source: Source, place: Place) -> bool:
    """Say whether a key file of this machine is there: then the copy is its own.

    A key file is named by its content, and no two repositories have the same.
    """
    here = await source.sizes()
    return not here[FileKind.KEY].keys().isdisjoint(await place.sizes(FileKind.KEY))


@dataclass(slots=True)
class Copying:
    """One copy from a repository, which is locked, to a place at `address`."""

    source: Source
    place: Place
    address: str
    line: Line
    progressed: Progressed
    sent: list[int] = field(default_factory=list)
    _damaged: list[RepositoryFile] = field(default_factory=list)
    _different: list[RepositoryFile] = field(default_factory=list)

    async def run(self) -> Copied:
        """Bring what the target lacks.

        A file that is damaged here is not copied, and neither is what may name it; one that
        differs there is left alone. The rest is copied before CopyDamagedError names them; a
        config that differs is named at once. Raises TargetOfAnotherError, the errors of the
        repository and of the place, and WindowClosedError: whatever the error, what has arrived
        stays.
        """
        # The copy of another repository is not even made ready: its half files belong to it.
        await self._expect_same_repository()
        await self.place.expect_ready()
        here = await self.source.sizes()
        newest = await self.source.newest(here)
        todo = plan(here, {kind: await self.place.sizes(kind) for kind in LISTED})
        self._different.extend(todo.different)
        await self._bring(todo)
        if self._damaged or self._different:
            raise CopyDamagedError(
                [str(file) for file in self._damaged], [str(file) for file in self._different]
            )
        return Copied(
            sent_files=len(self.sent),
            sent_bytes=sum(self.sent),
            files=todo.files + len(self.sent),
            bytes=todo.bytes + sum(self.sent),
            snapshots=frozenset(here[FileKind.SNAPSHOT]),
            newest=newest,
        )

    async def _expect_same_repository(self) -> None:
        """Compare the config: two repositories in one place would be the end of both."""
        own, there = await self.source.config(), await config_of(self.place)
        if there is None or there == own:
            return
        if await shares_keys(self.source, self.place):
            raise CopyDamagedError([], [str(CONFIG_FILE)])
        raise TargetOfAnotherError(place=self.address)

    async def _bring(self, todo: Plan) -> None:
        try:
            await self._put_all(todo)
        except TargetFullError as error:
            free = None
            with suppress(ApplianceError):
                free = await self.place.free()
            left = size(todo.bytes_missing - sum(self.sent))
            known = None if free is None else size(free)
            raise CopyFullError(self.address, left, known) from error

    async def _put_all(self, todo: Plan) -> None:
        pace, lacking = self._pace(todo.bytes_missing), set[FileKind]()
        for file, _ in todo.missing:
            if must_wait(file.kind, lacking):
                continue
            content = await self.source.read(file)
            if content is None:
                self._damaged.append(file)
                lacking.add(file.kind)
            else:
                await self._put(file, content, pace)

    async def _put(self, file: RepositoryFile, content: bytes, pace: Pace) -> None:
        async with self.line.watched():
            try:
                await self.place.put(file, content, pace)
            except FileThereError:
                # It came since the listing: only another copy of the same repository brings it.
                if await self.place.size(file) != len(content):
                    self._different.append(file)
                return
        self.sent.append(len(content))

    def _pace(self, total: int) -> Pace:
        """Return the pace of the line, which says how far the copy is as well."""
        self.progressed(0, total)

        async def pace(size: int) -> None:
            await self.line.pace(size)
            self.progressed(min(self.line.sent, total), total)

        return pace
