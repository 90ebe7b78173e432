"""Try a target: is it there, may we write, how much room is left, and can we delete."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, Audience
from appliance.offsite.copy import shares_keys
from appliance.offsite.errors import CopyDamagedError, FileThereError
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


@dataclass(frozen=True, slots=True)
class Probe:
    """Tries a target, and keeps what it found."""

    targets: Targets
    target: Target
    source: Source
    clock: Clock

    async def run(self, *, may_prepare: bool) -> Facts:
        """Return what was found. A target of another repository is left as it is.

        The first try makes a target ready for copies; later ones only if they may, so that an
        empty folder where a disk should be is found out.
        """
        number, before = self.target.number, await self.targets.state(self.target.number)
        may_prepare = may_prepare or before.prepared_at is None
        try:
            async with opened(self.target) as place:
                found = await self._try(place, may_prepare=may_prepare)
        except ApplianceError as error:
            words = error.words_for(Audience.OPERATOR)
            state = replace(before, error=error.code, message=words.sentence, hint=words.hint)
            await self.targets.keep_state(number, state)
            raise
        state = replace(
            before,
            prepared_at=(before.prepared_at or self.clock.now())
            if found.holds is not Holding.OTHER
            else None,
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
        return _Found(holds, await place.free(), protection, snapshots)

    async def _holding(self, place: Place) -> Holding:
        size = await place.size(CONFIG_FILE)
        if size is None:
            return Holding.NOTHING
        try:
            own = await self.source.config()
        except RepositoryMissingError:
            return Holding.OTHER
        parts = [part async for part in place.read(CONFIG_FILE, 0, size)]
        if b"".join(parts) == own:
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


async def _protection(place: Place, line: Line) -> Protection:
    """Put a file there and try to delete it, as an attacker on this machine would."""
    async with line.watched():
        with contextlib.suppress(FileThereError):
            await place.put(_FILE, _CONTENT, line.pace)
        return await place.try_to_delete(_FILE)
