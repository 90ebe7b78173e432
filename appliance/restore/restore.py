"""The operation `restore`: list, preview, restore, and the end of a restore."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter, Work
from appliance.repository import lock
from appliance.repository.files import keys_of
from appliance.restore.build import only_one
from appliance.restore.documents import release_orphans
from appliance.restore.errors import ExchangeRunsError, NothingToUndoError
from appliance.restore.everything import Everything
from appliance.restore.model import Request, Task, What, choose, described
from appliance.restore.models import ModelRestore
from appliance.restore.partial import Part
from appliance.restore.preview import preview
from appliance.restore.room import needed_for, usable
from appliance.restore.scratch import end_leftovers
from appliance.restore.source import Source, opened
from appliance.units.directories import prepare_directories
from appliance.units.exchange import Places, RestoreState

_LOCK = "restore.lock"
_PATIENCE = 3600.0


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work; `appliance.restore.model.Request` says what it can be asked for."""

    async def work(request: Facts, report: Reporter) -> Facts:
        return await Restore(settings, clock, report).carry_out(Request.parse(request))

    return work


@dataclass(frozen=True, slots=True)
class Restore:
    """Carries out one request."""

    settings: Settings
    clock: Clock
    report: Reporter

    @property
    def _places(self) -> Places:
        return Places(self.settings.database)

    async def carry_out(self, request: Request) -> Facts:
        """Do what was asked, and return what was found."""
        models = ModelRestore(self.settings, self.clock, self.report, request.place)
        match request.task:
            case Task.PREVIEW if request.what is What.MODELS:
                return await models.preview()
            case Task.RESTORE if request.what is What.MODELS:
                await prepare_directories(self.settings)
                with only_one(self.settings.database.with_name(_LOCK)):
                    return await models.restore()
            case Task.LIST | Task.PREVIEW:
                return await self._read(request)
            case Task.STATUS | Task.RESTORE | Task.CONFIRM | Task.UNDO:
                await prepare_directories(self.settings)
                with only_one(self.settings.database.with_name(_LOCK)):
                    return await self._change(request)

    def _status(self) -> Facts:
        places = self._places
        return {"state": places.state(), **places.facts()}

    async def _read(self, request: Request) -> Facts:
        async with (
            lock.shared(self.settings.repository_lock, self.clock, patience=_PATIENCE),
            opened(self.settings, self.clock, request.place) as source,
        ):
            self.report.progress(Progress("Listing what the repository holds."))
            if request.task is Task.LIST:
                return await _listed(source)
            chosen = choose(await source.repository.snapshots(), request.snapshot)
            return await preview(self.settings, source, chosen)

    async def _change(self, request: Request) -> Facts:
        match request.task:
            case Task.STATUS:
                await self._clear()
                return await asyncio.to_thread(self._status)
            case Task.CONFIRM:
                return await self._confirm()
            case Task.UNDO:
                return await self._undo()
            case _:
                return await self._restore(request)

    async def _restore(self, request: Request) -> Facts:
        async with (
            lock.shared(self.settings.repository_lock, self.clock, patience=_PATIENCE),
            opened(self.settings, self.clock, request.place) as source,
        ):
            await self._clear()
            try:
                chosen = choose(await source.repository.snapshots(), request.snapshot)
                if request.what is What.EVERYTHING:
                    everything = Everything(self.settings, self.clock, self.report, source)
                    return await everything.restore(chosen)
                part = Part(self.settings, self.clock, self.report, source)
                return await part.restore(chosen.state, request.what, request.subject)
            finally:
                await asyncio.shield(self._clear())

    async def _clear(self) -> None:
        """Remove what an interrupted restore left, and a restored state that was undone.

        A state that is ready stays.
        """
        places = self._places
        for data in (places.restored, places.fetched / "data"):
            await end_leftovers(data, self.clock)
        with usable(places.restored):
            await asyncio.to_thread(places.clear)
            state = await asyncio.to_thread(places.state)
            if state is RestoreState.UNCONFIRMED and places.facts().get("undone"):
                await asyncio.to_thread(places.forget_previous)
            if await asyncio.to_thread(places.state) is RestoreState.NONE:
                await asyncio.to_thread(release_orphans, self.settings)

    async def _confirm(self) -> Facts:
        """Keep what is in use; the former state is deleted, for good."""
        if await asyncio.to_thread(self._places.state) is not RestoreState.UNCONFIRMED:
            raise NothingToUndoError
        with usable(self._places.previous):
            await asyncio.to_thread(self._places.forget_previous)
            await asyncio.to_thread(release_orphans, self.settings)
        return await asyncio.to_thread(self._status)

    async def _undo(self) -> Facts:
        """Return to the former state at the next start of the database.

        A restored state that is not in use yet is deleted instead.
        """
        places = self._places
        state = await asyncio.to_thread(places.state)
        if places.is_exchanging:
            raise ExchangeRunsError
        with usable(places.previous):
            if state is RestoreState.UNCONFIRMED:
                await asyncio.to_thread(places.ask_for_previous)
            elif state is RestoreState.NONE:
                raise NothingToUndoError
            elif not places.is_undone:
                await asyncio.to_thread(places.discard, places.restored)
                await asyncio.to_thread(release_orphans, self.settings)
        return await asyncio.to_thread(self._status)


async def _listed(source: Source) -> Facts:
    """Return the snapshots with the room that each needs, and the keys that open the repository."""
    snapshots = await source.repository.snapshots()
    return {
        "repository": source.id,
        "snapshots": [
            {**described(one), "room": needed_for(one.content.bytes, 0)} for one in snapshots
        ],
        "keys": [
            {"role": key.role, "fingerprint": key.fingerprint, "retired": list(key.retired)}
            for key in await keys_of(source.files)
        ],
    }
