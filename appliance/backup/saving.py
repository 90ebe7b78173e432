"""Make a set or a hot snapshot: the database first, the files second, one snapshot or none.

A document's file is written before its row, and the database is dumped before the files are saved:
so each row in a snapshot has its file, and a file without a row does no harm.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.audit.store import ChainStore
from appliance.backup import hot_sums, stage
from appliance.backup.dump import write_dump
from appliance.backup.errors import (
    BackupDiskFullError,
    DumpFailedError,
    FilesUnreadError,
    StageFailedError,
)
from appliance.backup.hot_sums import SavedState
from appliance.backup.layout import DATABASE, DERIVED, DOCUMENTS, MANIFEST, STAGES, TRANSIENT
from appliance.backup.manifest import Manifest, ModelName, TableSum
from appliance.backup.preflight import (
    Needed,
    missing_files,
    require_documents,
    require_room,
)
from appliance.backup.publish import OwnRepository
from appliance.backup.source import Source, address_of, opened
from appliance.backup.speed import Saving
from appliance.backup.store import DatabaseFacts, StoredDocument, table_sums
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.files import free_in, is_full, private_directory, write_atomically
from appliance.core.settings import Settings
from appliance.core.version import read_version
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter
from appliance.repository import lock
from appliance.repository.catalog import Catalog
from appliance.repository.damage import FileKind
from appliance.repository.errors import (
    RepositoryCrashedError,
    RepositoryFailedError,
    RepositoryFullError,
    SourcesUnreadError,
)
from appliance.repository.model import FORMAT, INCOMPLETE, Content, Drilled, Kind, Saved, Verdict
from appliance.web.formats import size

# How long a backup waits for the work that removes from the repository.
PATIENCE: Mapping[Kind, float] = {Kind.SET: 1800.0, Kind.HOT: 60.0}
# Uploads that are not finished.
_INCOMING = f"{DOCUMENTS}/incoming"


@dataclass(frozen=True, slots=True)
class _Staged:
    """What is in the stage, and what the documents were when the database was dumped."""

    manifest: Manifest
    content: Content
    documents: tuple[StoredDocument, ...]


@dataclass(slots=True)
class Saver:
    """Makes snapshots of one kind."""

    settings: Settings
    clock: Clock
    kind: Kind
    report: Reporter
    _needed: Needed = field(default_factory=lambda: Needed(dump=0))

    async def save(self, request: Facts) -> Facts:
        """Make a snapshot and say what it is; a hot one only if something has changed.

        Raises the errors of `appliance.backup.errors` and `appliance.repository.errors`: then no
        new snapshot counts, and what was put together is removed.
        """
        begin = self.clock.monotonic()
        path, patience = self.settings.repository_lock, PATIENCE[self.kind]
        with stage.only_backup(self.settings):
            async with lock.shared(path, self.clock, patience=patience):
                own = OwnRepository(self.settings, self.clock)
                await asyncio.to_thread(stage.clear, self.settings)
                try:
                    return await self._save(own, request, begin)
                except (DumpFailedError, RepositoryFailedError, StageFailedError) as error:
                    raise await asyncio.to_thread(self._reason, error) from error
                finally:
                    # Shielded, so that a cancelled backup leaves nothing in clear text either.
                    await asyncio.shield(asyncio.to_thread(stage.clear, self.settings))

    def _reason(self, error: ApplianceError) -> ApplianceError:
        """Return the full disk that is the reason of an error, or the error itself."""
        stage, repository = self.settings.backup, self.settings.repository
        place, needed = stage, self._needed.bytes
        if isinstance(error, RepositoryFailedError):
            # Packaged, the repository itself is hidden from this process, and on the same disk.
            place = repository if os.access(repository, os.X_OK) else stage
            needed = self._needed.most_saved
        # An older restic may crash on a full disk: it does not name it, and removes what it wrote.
        is_short = isinstance(error, RepositoryCrashedError) and free_in(place) < needed
        if isinstance(error, RepositoryFullError) or is_short or is_full(place):
            return BackupDiskFullError(place=place, needed=size(needed), free=size(free_in(place)))
        return error

    async def _save(self, own: OwnRepository, request: Facts, begin: float) -> Facts:
        published = await own.published()
        staged = await self._stage(own, published, request, begin)
        if staged is None:
            return {"skipped": True}
        await own.ensure(alone=True)
        saved = await self._back_up(own, published, staged)
        lost = await self._lost(staged)
        if lost:
            count = len(lost)
            self.report.log(f"{count} documents have no file any more, such as {min(lost)}.")
        with stage.usable(self.settings.backup):
            self._remember(saved, staged)
            await own.publish()
        return {
            "snapshot": saved.id,
            "kind": self.kind,
            "seconds": round(self.clock.monotonic() - begin),
            "bytes": saved.processed,
            "added": saved.added,
            "documents": len(staged.documents),
            "without_file": sorted(lost),
        }

    async def _stage(
        self, own: OwnRepository, published: Catalog | None, request: Facts, begin: float
    ) -> _Staged | None:
        """Put everything together but the documents; None if there is nothing new."""
        folder = self.settings.home / STAGES[self.kind]
        async with opened(address_of(self.settings)) as source:
            facts, documents = await source.store.facts(), await source.store.documents()
            await self._require(source, facts, documents, is_first=published is None)
            with stage.usable(folder):
                await asyncio.to_thread(private_directory, folder)
                if self.kind is Kind.HOT:
                    tables = await table_sums(source.connection, DERIVED)
                    if await self._is_saved(own, facts, tables):
                        return None
                    files = await self._dump(source, facts)
                else:
                    tables, files = await _both(source, self._dump(source, facts))
            extensions = await source.store.extensions()
            chain = ChainStore(source.connection)
            audit = (await chain.end()).as_text() if await chain.exists() else ""
        manifest = Manifest(
            kind=self.kind,
            version=await read_version(),
            schema=facts.schema,
            postgres=facts.postgres,
            extensions=extensions,
            taken_at=facts.taken_at,
            tables=tables,
            files=files,
            documents={document.digest: document.size for document in documents},
            models=models_of(request),
            audit=audit,
        )
        with stage.usable(folder):
            await asyncio.to_thread(stage.copy_settings, self.settings, folder)
            # The last one: a stage without it is not whole.
            text = manifest.as_json().encode()
            await asyncio.to_thread(write_atomically, folder / MANIFEST, text)
        seconds = round(self.clock.monotonic() - begin)
        return _Staged(manifest, content_of(manifest, facts, seconds), tuple(documents))

    async def _require(
        self,
        source: Source,
        facts: DatabaseFacts,
        documents: list[StoredDocument],
        *,
        is_first: bool,
    ) -> None:
        """Look at the files and at the room on the disk before anything is written."""
        folder, is_hot = self.settings.documents, self.kind is Kind.HOT
        missing = await asyncio.to_thread(missing_files, folder, documents)
        require_documents(folder, documents, missing)
        files = sum(document.size for document in documents)
        self._needed = Needed(
            dump=await source.store.size_of_dump(leave_out=DERIVED if is_hot else ()),
            database=0 if is_hot else facts.size,
            new_files=files if is_first else 0,
            files=files,
        )
        require_room(self.settings.backup, self._needed)

    async def _dump(self, source: Source, facts: DatabaseFacts) -> dict[str, str]:
        folder = self.settings.home / STAGES[self.kind] / DATABASE
        without = TRANSIENT if self.kind is Kind.SET else (*TRANSIENT, *DERIVED)
        try:
            return await write_dump(source, folder, facts, without, self.report)
        except DumpFailedError:
            # If PostgreSQL has ended, that is the reason.
            await source.store.extensions()
            raise

    async def _is_saved(
        self, own: OwnRepository, facts: DatabaseFacts, tables: Mapping[str, TableSum]
    ) -> bool:
        """Say whether the newest snapshot holds all this already."""
        state = await asyncio.to_thread(hot_sums.read, self.settings.backup / hot_sums.FILE)
        if state is None or not state.is_like(facts.schema, tables):
            return False
        return state.snapshot in await own.files.names(FileKind.SNAPSHOT)

    async def _back_up(
        self, own: OwnRepository, published: Catalog | None, staged: _Staged
    ) -> Saved:
        """Save the stage and the documents as one snapshot."""
        self.report.progress(Progress("Saving the files."))
        paths = [STAGES[self.kind]]
        if self.settings.documents.is_dir():
            paths.append(DOCUMENTS)
        try:
            return await own.opened.backup(
                self.settings.home,
                paths,
                tags=[self.kind, *staged.content.as_tags()],
                parent=await self._parent(own, published),
                exclude=[_INCOMING],
                taken_at=staged.manifest.taken_at,
                progress=Saving(self.report),
            )
        except SourcesUnreadError as error:
            if not self._are_deleted(error.items):
                await self._disown(own, error.saved)
                raise FilesUnreadError(
                    count=len(error.items), first=next(iter(error.items), "?")
                ) from error
            return error.saved

    async def _parent(self, own: OwnRepository, published: Catalog | None) -> str | None:
        """Return the newest snapshot of the same kind; none while damage is known.

        Without one, each file is read and each of its parts is looked for in the repository.
        """
        if published is None or published.damage:
            return None
        there = await own.files.names(FileKind.SNAPSHOT)
        found = (one for one in published.snapshots if one.kind is self.kind and one.id in there)
        return next((one.id for one in found), None)

    def _are_deleted(self, items: tuple[str, ...]) -> bool:
        """Whether each file that was not read is a document that was deleted meanwhile."""
        # The program names a file by its path in the snapshot, or by the whole one.
        names = [Path(item).name for item in items]
        gone = all(
            DOCUMENTS in item and not (self.settings.documents / name[:2] / name).exists()
            for item, name in zip(items, names, strict=True)
        )
        return bool(items) and gone

    async def _disown(self, own: OwnRepository, saved: Saved) -> None:
        """Say in the repository that a snapshot lacks files; only its owner could remove it."""
        drilled = Drilled(Verdict.FAILED, self.clock.now(), "local", 0, INCOMPLETE)
        await own.report(saved.id, drilled)

    async def _lost(self, staged: _Staged) -> set[str]:
        """Return the files that are missing although documents have them.

        One whose document was deleted while the files were saved is not missed.
        """
        missing = await asyncio.to_thread(missing_files, self.settings.documents, staged.documents)
        if not missing:
            return set()
        # With the database down meanwhile, no deletion is assumed.
        with suppress(ApplianceError):
            async with opened(address_of(self.settings)) as source:
                return await source.store.still_used(sorted(missing))
        return missing

    def _remember(self, saved: Saved, staged: _Staged) -> None:
        state = SavedState(saved.id, staged.manifest.schema, staged.manifest.tables)
        hot_sums.write(self.settings.backup / hot_sums.FILE, state)


def models_of(request: Facts) -> tuple[ModelName, ...]:
    """Return the models that the asker lists: the backup itself cannot reach the model runner."""
    listed = request.get("models")
    return tuple(
        ModelName(str(model["name"]), str(model["digest"]))
        for model in (listed if isinstance(listed, list) else ())
    )


def content_of(manifest: Manifest, facts: DatabaseFacts, seconds: int) -> Content:
    """Return what the tags of the snapshot say."""
    return Content(
        format=FORMAT,
        version=manifest.version,
        schema=manifest.schema,
        postgres=manifest.postgres,
        people=facts.people,
        documents=facts.documents,
        conversations=facts.conversations,
        bytes=facts.size + sum(manifest.documents.values()),
        seconds=seconds,
        audit=manifest.audit,
    )


async def _both(
    source: Source, dumping: Coroutine[Any, Any, dict[str, str]]
) -> tuple[dict[str, TableSum], dict[str, str]]:
    """Dump and compute the sums at once: the second reader finds the pages in memory."""
    tables, files = await asyncio.gather(
        table_sums(source.connection), dumping, return_exceptions=True
    )
    # What PostgreSQL itself says about a fault is more than what the program makes of it.
    if isinstance(tables, BaseException):
        raise tables
    if isinstance(files, BaseException):
        raise files
    return tables, files
