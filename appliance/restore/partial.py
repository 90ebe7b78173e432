"""Restore a part: rows of a set that the running database lacks, added in transactions of its own.

The set is built beside the present database, as for a restore of everything; the running one is
asked as its owner. The account that restores owns its files anyway: it gains no right by that.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from appliance.backup.layout import DERIVED
from appliance.core.clock import Clock
from appliance.core.files import private_directory
from appliance.core.settings import Settings
from appliance.db.migrate import migrations
from appliance.db.pool import Connection
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter
from appliance.repository.model import Snapshot
from appliance.restore.build import Builder, builder
from appliance.restore.documents import add_missing, kept_orphans
from appliance.restore.errors import (
    LiveDatabaseNeededError,
    LiveSchemaError,
    PersonGoneError,
    SubjectMissingError,
)
from appliance.restore.everything import keep_settings, live
from appliance.restore.fetch import Fetched, fetch, read_manifest, require_known, size_of_dump
from appliance.restore.load import connected, migrate_forward
from appliance.restore.model import What
from appliance.restore.parts import PartStore
from appliance.restore.room import enough_room, needed_for, usable
from appliance.restore.source import Source
from appliance.restore.store import RestoreStore
from appliance.units.exchange import Places


@dataclass(frozen=True, slots=True)
class Part:
    """Restores a part of a snapshot into the running database."""

    settings: Settings
    clock: Clock
    report: Reporter
    source: Source

    async def restore(self, snapshot: Snapshot, what: What, subject: str) -> Facts:
        """Add what is missing now. Raises LiveDatabaseNeededError before anything is written."""
        build = await builder(self.settings, self.clock, self.report)
        require_known(snapshot, build.program)
        async with self._live() as present:
            await self._require_schema(present)
            needed = needed_for(await size_of_dump(self.source, snapshot), 0)
            with enough_room(self.settings.database.parent, needed):
                async with self._set(build, snapshot) as (fetched, saved):
                    added = _Adder(self, snapshot, fetched, saved, present)
                    return {"snapshot": snapshot.id, "what": what, **await added.add(what, subject)}

    @asynccontextmanager
    async def _live(self) -> AsyncIterator[Connection]:
        try:
            async with live(self.settings) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise LiveDatabaseNeededError from error

    async def _require_schema(self, present: Connection) -> None:
        known = len(migrations())
        found = (await RestoreStore(present).contents(self.clock.now())).schema
        if found != known:
            raise LiveSchemaError(found=found, known=known)

    @asynccontextmanager
    async def _set(
        self, build: Builder, snapshot: Snapshot
    ) -> AsyncIterator[tuple[Fetched, PartStore]]:
        """Lend the database of a set, without what can be derived, with the present schema."""
        folder = Places(self.settings.database).fetched
        try:
            with usable(folder):
                await asyncio.to_thread(private_directory, folder, mode=0o711)
            manifest = await read_manifest(self.source, snapshot)
            fetched = await fetch(self.source, snapshot, manifest, folder / "set", self.report)
            async with build.built(fetched, folder / "data", DERIVED) as scratch:
                await migrate_forward(scratch)
                async with connected(scratch) as connection:
                    yield fetched, PartStore(connection)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


@dataclass(frozen=True, slots=True)
class _Adder:
    """Adds rows of a set to the running database."""

    part: Part
    snapshot: Snapshot
    fetched: Fetched
    saved: PartStore
    present: Connection

    async def add(self, what: What, subject: str) -> Facts:
        match what:
            case What.DOCUMENTS | What.DOCUMENT:
                return await self._documents(subject)
            case What.CONVERSATIONS:
                return await self._conversations(subject)
            case What.CONFIGURATION | What.EVERYTHING | What.MODELS:
                return await self._configuration()

    async def _documents(self, subject: str) -> Facts:
        """Add documents that are missing now; they are read again."""
        part, there = self.part, PartStore(self.present)
        wanted = [
            one for one in await self.saved.documents() if not subject or one.is_called(subject)
        ]
        if subject and not wanted:
            raise SubjectMissingError(subject=subject)
        ids = {one.id for one in await there.documents()}
        lost = [one for one in wanted if one.id not in ids]
        with kept_orphans(part.settings, afterwards=False):
            sizes = {one.digest: one.size for one in lost}
            files = await add_missing(part.settings, part.source, self.snapshot, sizes, part.report)
            part.report.progress(Progress("Adding the documents to the library."))
            async with self.present.transaction():
                added = [one for one in lost if await there.add_document(one)]
                await there.notify_queued()
        return {"documents": len(added), "files": files, "present": len(wanted) - len(lost)}

    async def _conversations(self, subject: str) -> Facts:
        """Add the conversations of one person that are missing now."""
        there = PartStore(self.present)
        person = await self.saved.person(subject)
        if person is None:
            raise SubjectMissingError(subject=subject)
        account = await there.account_of(person)
        if account is None:
            raise PersonGoneError(subject=subject)
        ids = await there.conversation_ids()
        lost = [
            one for one in await self.saved.conversations(person.id) if UUID(one["id"]) not in ids
        ]
        documents = {one.id for one in await there.documents()}
        messages = 0
        for conversation in lost:
            async with self.present.transaction():
                await there.add_conversation({**conversation, "account_id": str(account)})
                messages += await _copy(self.saved, there, conversation["id"], documents)
        return {"conversations": len(lost), "messages": messages}

    async def _configuration(self) -> Facts:
        """Set the operator's settings as they were; files wait for root, who puts them in place."""
        there = PartStore(self.present)
        chosen = await self.saved.settings()
        async with self.present.transaction():
            for row in chosen.values():
                await there.set(row)
        folder = Places(self.part.settings.database).files
        with usable(folder):
            files = await asyncio.to_thread(keep_settings, self.part.settings, self.fetched, folder)
        return {"settings": sorted(chosen), "files": files}


async def _copy(saved: PartStore, there: PartStore, one: str, documents: set[UUID]) -> int:
    """Copy the messages of a conversation; a citation of a document that is gone keeps its text."""
    messages = await saved.messages(one)
    for message in messages:
        await there.add_message(_ended(message))
    for citation in await saved.citations(one):
        document = citation["document_id"]
        is_there = document is not None and UUID(document) in documents
        await there.add_citation({**citation, "document_id": document if is_there else None})
    return len(messages)


def _ended(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message whose answer is no longer written."""
    if message["state"] in {"waiting", "writing"}:
        return {**message, "state": "interrupted"}
    return message
