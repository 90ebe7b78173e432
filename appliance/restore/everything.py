"""Restore everything: build the new state beside the present one, then let it take its place."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from appliance.core.clock import Clock
from appliance.core.files import private_directory, write_atomically
from appliance.core.settings import Settings
from appliance.db.pool import Connection, conninfo
from appliance.db.roles import OWNER
from appliance.operations.model import Facts
from appliance.operations.work import Reporter
from appliance.repository.model import Snapshot
from appliance.restore.build import Builder, builder
from appliance.restore.documents import add_missing, kept_orphans, missing_here
from appliance.restore.errors import UnconfirmedError
from appliance.restore.fetch import (
    SETTINGS,
    Fetched,
    fetch,
    read_manifest,
    require_known,
    size_of_dump,
)
from appliance.restore.load import connected
from appliance.restore.model import Chosen
from appliance.restore.room import enough_room, needed_for, usable
from appliance.restore.scratch import Scratch
from appliance.restore.source import Source
from appliance.restore.store import Access, RestoreStore
from appliance.units.directories import give_to
from appliance.units.exchange import Places, RestoreState


@dataclass(frozen=True, slots=True)
class Everything:
    """Restores a state as a whole. Until it is ready nothing of the present one has changed."""

    settings: Settings
    clock: Clock
    report: Reporter
    source: Source

    @property
    def _places(self) -> Places:
        return Places(self.settings.database)

    async def restore(self, chosen: Chosen) -> Facts:
        """Build the state, and let the next start of the database use it."""
        state = await asyncio.to_thread(self._places.state)
        if state is RestoreState.UNCONFIRMED or self._places.is_undone:
            raise UnconfirmedError
        began = self.clock.monotonic()
        build = await builder(self.settings, self.clock, self.report)
        manifest, needed = await self._require(chosen, build)
        with (
            enough_room(self.settings.database.parent, needed),
            kept_orphans(self.settings, afterwards=True),
        ):
            facts = await self._build(chosen, build)
            # The last step: files that were there may have been deleted before the marker was.
            added = await add_missing(
                self.settings, self.source, chosen.state, manifest, self.report
            )
            found = {
                "snapshot": chosen.state.id,
                "derived_from": chosen.derived.id if chosen.derived else None,
                "taken_at": chosen.state.taken_at.isoformat(),
                "version": chosen.state.content.version,
                "restored_at": self.clock.now().isoformat(),
                "seconds": round(self.clock.monotonic() - began),
                "documents_added": added,
                **facts,
            }
            with usable(self._places.restored):
                await asyncio.to_thread(self._places.mark_ready, found)
        self.report.log("The restored state is ready; the next start of the database uses it.")
        return found

    async def _require(self, chosen: Chosen, build: Builder) -> tuple[dict[str, int], int]:
        """Refuse what cannot be restored; return the documents, and how much room is needed."""
        dump = 0
        for snapshot in _both(chosen):
            require_known(snapshot, build.program)
            dump += await size_of_dump(self.source, snapshot)
        manifest = await read_manifest(self.source, chosen.state)
        documents = dict(manifest.documents)
        missing = await asyncio.to_thread(missing_here, self.settings, documents)
        # Both may be on one disk.
        return documents, needed_for(dump, sum(missing.values()))

    async def _build(self, chosen: Chosen, build: Builder) -> Facts:
        places = self._places
        with usable(places.restored):
            await asyncio.to_thread(places.discard, places.restored)
        state = await self._fetch(chosen.state)
        queued = 0
        async with build.built(state, places.restored) as scratch:
            if chosen.derived is not None:
                derived = await self._fetch(chosen.derived)
                queued = await build.add_derived(scratch, derived)
            await build.finish(scratch)
            facts = await self._settle(scratch)
        await asyncio.to_thread(self._keep_operators_file)
        await build.sync(places.restored)
        with usable(places.files):
            files = await asyncio.to_thread(keep_settings, self.settings, state, places.files)
            await asyncio.to_thread(shutil.rmtree, places.fetched)
        tables = len(state.manifest.tables)
        return {
            "tables": tables,
            "queued": queued + facts.queued,
            "keys_ended": facts.keys_ended,
            "files": files,
        }

    async def _fetch(self, snapshot: Snapshot) -> Fetched:
        manifest = await read_manifest(self.source, snapshot)
        folder = self._places.fetched / snapshot.kind
        return await fetch(self.source, snapshot, manifest, folder, self.report)

    async def _settle(self, scratch: Scratch) -> _Settled:
        """End what must not come back: codes, jobs, keys and people who were locked since."""
        access = await access_now(self.settings)
        async with connected(scratch) as connection:
            store = RestoreStore(connection)
            queued = await store.queue_incomplete()
            await store.end_what_ran()
            ended = await store.keep_access(access) if access and access.people else 0
        return _Settled(len(queued), ended)

    def _keep_operators_file(self) -> None:
        """Take over what the administrator has changed in the configuration of PostgreSQL."""
        name = "operator.conf"
        present = self.settings.database / name
        if present.is_file():
            write_atomically(self._places.restored / name, present.read_bytes())
            give_to(self._places.restored / name, self.settings.account)


@dataclass(frozen=True, slots=True)
class _Settled:
    queued: int
    keys_ended: int


def keep_settings(settings: Settings, fetched: Fetched, folder: Path) -> list[str]:
    """Keep configuration, TLS keys and targets of a set for root; return their names."""
    if folder.exists():
        shutil.rmtree(folder)
    found = []
    for name in SETTINGS:
        source = fetched.settings_folder(name)
        for path in sorted(source.iterdir()) if source.is_dir() else ():
            if path.is_file():
                target = private_directory(folder / name) / path.name
                write_atomically(target, path.read_bytes())
                found.append(f"{name}/{path.name}")
    for path in (folder, *folder.rglob("*")) if folder.exists() else ():
        give_to(path, settings.account)
    return found


async def access_now(settings: Settings) -> Access | None:
    """Return who may do what in the running database; None where it does not answer."""
    try:
        async with live(settings) as connection:
            return await RestoreStore(connection).access()
    except psycopg.Error:
        return None


@asynccontextmanager
async def live(settings: Settings) -> AsyncIterator[Connection]:
    """Lend a connection to the running database as its owner. Raises psycopg's errors."""
    address = conninfo(settings.database_socket, OWNER)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        yield connection


def _both(chosen: Chosen) -> tuple[Snapshot, ...]:
    return (chosen.state, chosen.derived) if chosen.derived else (chosen.state,)
