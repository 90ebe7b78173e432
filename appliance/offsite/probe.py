"""Try a target: is it there, may we write, how much room is left, and can we delete."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, Audience
from appliance.offsite.copy import config_of, shares_keys
from appliance.offsite.errors import (
    CopyDamagedError,
    FileThereError,
    NoBackupsThereError,
    TargetReadOnlyError,
    TargetRefusedError,
)
from appliance.offsite.model import Protection, Target
from appliance.offsite.places.opening import opened
from appliance.offsite.places.place import CONFIG_FILE, Place, RepositoryFile
from appliance.offsite.source import Source
from appliance.offsite.targets import Targets
from appliance.offsite.timing import Line
from appliance.operations.model import Facts
from appliance.repository.damage import FileKind
from appliance.repository.errors import RepositoryMissingError

# Named by its content like each file of a repository, and in no index: restic does not read it.
# Only one can ever stay, at a target that forbids deletion.
_CONTENT = b"Cloister tries whether it can delete this file."
_FILE = RepositoryFile(FileKind.PACK, hashlib.sha256(_CONTENT).hexdigest())


class Holding(StrEnum):
    """Whose copy is at a target."""

    NOTHING = "nothing"
    OWN = "own"
    OTHER = "other"
    # Of whichever machine: where it is only restored from, this does not matter.
    BACKUPS = "backups"


@dataclass(frozen=True, slots=True)
class Probe:
    """Tries a target, and keeps what it found."""

    targets: Targets
    target: Target
    source: Source
    clock: Clock

    async def run(self, *, may_prepare: bool) -> Facts:
        """Return what was found. A target of another repository is left as it is.

        Where backups are only restored from, nothing is written: NoBackupsThereError is raised
        where there are none.

        The first try makes a target ready for copies; later ones only if they may, so that an
        empty folder where a disk should be is found out.
        """
        number, before = self.target.number, await self.targets.state(self.target.number)
        may_prepare = may_prepare or before.prepared_at is None
        try:
            async with opened(self.target) as place:
                if self.target.restores_only:
                    found = await self._look(place)
                else:
                    found = await self._try(place, may_prepare=may_prepare)
        except ApplianceError as error:
            words = error.words_for(Audience.OPERATOR)
            state = replace(before, error=error.code, message=words.sentence, hint=words.hint)
            await self.targets.keep_state(number, state)
            raise
        state = replace(
            before,
            prepared_at=(before.prepared_at or self.clock.now()) if found.is_ready else None,
            free=found.free,
            protection=found.protection,
            error="",
            message="",
            hint="",
        )
        await self.targets.keep_state(number, state)
        return {
            "holds": found.holds,
            "free": found.free,
            "protection": found.protection,
            "snapshots": found.snapshots,
        }

    async def _try(self, place: Place, *, may_prepare: bool) -> _Found:
        holds = await self._holding(place)
        protection = Protection.UNKNOWN
        if holds is not Holding.OTHER:
            if may_prepare:
                await place.prepare()
            await place.expect_ready()
            protection = await _protection(place, Line(self.clock, self.target.place))
        snapshots = 0 if holds is Holding.NOTHING else len(await place.sizes(FileKind.SNAPSHOT))
        is_ready = holds is not Holding.OTHER
        return _Found(holds, await place.free(), protection, snapshots, is_ready=is_ready)

    async def _look(self, place: Place) -> _Found:
        try:
            config = await config_of(place)
            snapshots = len(await place.sizes(FileKind.SNAPSHOT))
        except TargetReadOnlyError as error:
            # Permission was denied, and nothing was to be written.
            raise TargetRefusedError(place=self.target.place) from error
        # A copy that has lost its config is one: the sheet has another.
        if config is None and not snapshots:
            raise NoBackupsThereError(place=self.target.place)
        free = await place.free()
        return _Found(Holding.BACKUPS, free, Protection.UNKNOWN, snapshots, is_ready=False)

    async def _holding(self, place: Place) -> Holding:
        config = await config_of(place)
        if config is None:
            return Holding.NOTHING
        try:
            own = await self.source.config()
        except RepositoryMissingError:
            return Holding.OTHER
        if config == own:
            return Holding.OWN
        if await shares_keys(self.source, place):
            raise CopyDamagedError([], [str(CONFIG_FILE)])
        return Holding.OTHER


@dataclass(frozen=True, slots=True)
class _Found:
    holds: Holding
    free: int | None
    protection: Protection
    snapshots: int
    is_ready: bool


async def _protection(place: Place, line: Line) -> Protection:
    """Put a file there and try to delete it, as an attacker on this machine would."""
    async with line.watched():
        with contextlib.suppress(FileThereError):
            await place.put(_FILE, _CONTENT, line.pace)
        return await place.try_to_delete(_FILE)
