"""The operation `drill`: prove that a set can be restored, by restoring it, and throw it away."""

from __future__ import annotations

import asyncio
import random
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.backup.layout import DOCUMENTS
from appliance.backup.manifest import Manifest
from appliance.backup.publish import OwnRepository
from appliance.backup.source import address_of
from appliance.backup.source import opened as database_opened
from appliance.backup.store import BackupStore
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.files import private_directory
from appliance.core.settings import Settings
from appliance.core.variables import MEBIBYTE
from appliance.db.index_memory import allow_index_memory
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter, Work
from appliance.repository import lock
from appliance.repository.damage import FileKind, damaged
from appliance.repository.errors import RepositorySilentError, RepositoryUnreadableError
from appliance.repository.files import renamed_or_changed
from appliance.repository.model import Drilled, Kind, Snapshot, Verdict
from appliance.restore.build import builder, only_one
from appliance.restore.documents import content_digest
from appliance.restore.errors import FilesDifferError, SearchFailedError
from appliance.restore.fetch import fetch, read_manifest, require_known, size_of_dump
from appliance.restore.load import connected
from appliance.restore.model import NEWEST, Place, choose
from appliance.restore.room import enough_room, needed_for, usable
from appliance.restore.scratch import Scratch, end_leftovers
from appliance.restore.source import Source, opened
from appliance.restore.store import RestoreStore

_FOLDER, _LOCK = "drill", "drill.lock"
_PATIENCE = 3600.0
# How many documents are read back each time, and how much at most; every size is compared.
_SAMPLE = 50
_SAMPLE_BYTES = 256 * MEBIBYTE
_NEWEST_SET = "newest-set"


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work.

    Its request may name a `snapshot` (without it the newest set is taken), the number of a target
    as `source` or an `address` to read from, and `index` to build the index of vectors as well.
    The verdict is written into this machine's repository, also when the drill fails; then the error
    that says which table or file differs is raised. A place that does not answer has no verdict.
    """

    async def work(request: Facts, report: Reporter) -> Facts:
        if not settings.packaged:
            await asyncio.to_thread(private_directory, settings.backup)
        with only_one(settings.backup / _LOCK):
            async with lock.shared(settings.repository_lock, clock, patience=_PATIENCE):
                return await Drill(settings, clock, report).run(request)

    return work


@dataclass(frozen=True, slots=True)
class Drill:
    """Restores one set into a folder of its own."""

    settings: Settings
    clock: Clock
    report: Reporter

    @property
    def _folder(self) -> Path:
        return self.settings.backup / _FOLDER

    async def run(self, request: Facts) -> Facts:
        """Drill a set. Nothing of it stays."""
        await self._clear()
        place, wanted = Place.asked(request), str(request.get("snapshot") or _NEWEST_SET)
        async with opened(self.settings, self.clock, place) as source:
            self.report.progress(Progress("Listing what the repository holds."))
            snapshot = await self._chosen(source, wanted)
            began = self.clock.monotonic()
            try:
                found = await self._restore(source, snapshot, with_index=bool(request.get("index")))
            except (RepositorySilentError, RepositoryUnreadableError):
                # This says nothing about the set.
                raise
            except ApplianceError as error:
                seconds = round(self.clock.monotonic() - began)
                named = await self._named(source, error)
                # On a full disk the verdict cannot be written either.
                with suppress(ApplianceError, OSError):
                    await self._record(source, snapshot, Verdict.FAILED, seconds, named.code)
                raise named from error
            finally:
                await asyncio.shield(self._clear())
            seconds = round(self.clock.monotonic() - began)
            await self._record(source, snapshot, Verdict.VERIFIED, seconds)
        return {
            "snapshot": snapshot.id,
            "taken_at": snapshot.taken_at.isoformat(),
            "verdict": Verdict.VERIFIED,
            "source": source.name,
            "seconds": seconds,
            **found,
        }

    async def _chosen(self, source: Source, wanted: str) -> Snapshot:
        try:
            snapshots = await source.repository.snapshots()
            if wanted != _NEWEST_SET:
                return choose(snapshots, wanted).state
            # A set whose snapshot is damaged is in no list: the one before it is not the newest.
            changed = await renamed_or_changed(source.files)
            if lost := [file for file in changed if file.kind is FileKind.SNAPSHOT]:
                raise damaged(lost)
            return choose(tuple(one for one in snapshots if one.kind is Kind.SET), NEWEST).state
        except ApplianceError as error:
            raise await self._named(source, error) from error

    async def _restore(self, source: Source, snapshot: Snapshot, *, with_index: bool) -> Facts:
        build = await builder(self.settings, self.clock, self.report)
        require_known(snapshot, build.program)
        manifest = await read_manifest(source, snapshot)
        needed = needed_for(await size_of_dump(source, snapshot), _SAMPLE_BYTES)
        with enough_room(self.settings.backup, needed):
            with usable(self._folder):
                await asyncio.to_thread(private_directory, self._folder)
            fetched = await fetch(source, snapshot, manifest, self._folder / "set", self.report)
            places = private_directory(self._folder / "cluster", mode=0o711)
            async with build.built(fetched, places / "data") as scratch:
                unread = await self._compare_documents(source, snapshot, manifest, scratch)
                if with_index:
                    await self._build_indexes(scratch)
                await self._search(scratch)
        return {"tables": len(manifest.tables), **unread, "index": with_index}

    async def _compare_documents(
        self, source: Source, snapshot: Snapshot, manifest: Manifest, scratch: Scratch
    ) -> Facts:
        """Compare the sizes of all documents, and read some of them back."""
        self.report.progress(Progress("Comparing the documents of the set."))
        found = await source.listed(snapshot)
        folder = f"/{DOCUMENTS}/"
        sizes = {Path(path).name: size for path, size in found.items() if path.startswith(folder)}
        missing = {one for one, size in manifest.documents.items() if sizes.get(one) != size}
        if missing:
            missing -= await self._excused(scratch, missing)
        if missing:
            names = sorted(missing)
            raise FilesDifferError(files=names, count=len(names), first=names[0])
        sample = _sample(manifest, sizes)
        if sample:
            target = self._folder / "sample"
            paths = [f"/{DOCUMENTS}/{digest[:2]}/{digest}" for digest in sample]
            await source.repository.restore(snapshot.id, target, paths)
            changed = await asyncio.to_thread(_changed, target, paths)
            if changed:
                raise FilesDifferError(files=changed, count=len(changed), first=changed[0])
        return {"documents": len(manifest.documents), "read_back": len(sample)}

    async def _excused(self, scratch: Scratch, missing: set[str]) -> set[str]:
        """Return the files whose loss was known, or whose documents were deleted meanwhile."""
        async with connected(scratch) as connection:
            documents = await BackupStore(connection).documents()
        known = {one.digest for one in documents if one.is_missing}
        left = missing - known
        with suppress(ApplianceError):
            async with database_opened(address_of(self.settings)) as live:
                return known | (left - await live.store.still_used(sorted(left)))
        return known

    async def _build_indexes(self, scratch: Scratch) -> None:
        self.report.progress(Progress("Building the index of vectors."))
        async with connected(scratch) as connection:
            await allow_index_memory(connection)
            for model in await RestoreStore(connection).models():
                await connection.execute("SELECT library.index_vectors(%s)", (model,))

    async def _search(self, scratch: Scratch) -> None:
        """Ask the restored database two questions."""
        self.report.progress(Progress("Searching in the restored database."))
        async with connected(scratch) as connection:
            store = RestoreStore(connection)
            if await store.finds_by_word() is False:
                raise SearchFailedError(search="full-text")
            if await store.finds_by_vector() is False:
                raise SearchFailedError(search="vector")

    async def _named(self, source: Source, error: ApplianceError) -> ApplianceError:
        """Name the damaged file of the repository itself where there is one."""
        if isinstance(error, FilesDifferError):
            return error
        changed = await renamed_or_changed(source.files)
        return damaged(changed) if changed else error

    async def _record(
        self, source: Source, snapshot: Snapshot, verdict: Verdict, seconds: int, reason: str = ""
    ) -> None:
        """Write the verdict into this machine's own repository, and publish the list."""
        drilled = Drilled(verdict, self.clock.now(), source.name, seconds, reason)
        own = OwnRepository(self.settings, self.clock)
        await own.ensure()
        await own.report(snapshot.id, drilled)
        await own.publish()

    async def _clear(self) -> None:
        """Remove what this drill, or one that was killed, left."""
        await end_leftovers(self._folder / "cluster" / "data", self.clock)
        with usable(self._folder), suppress(FileNotFoundError):
            await asyncio.to_thread(shutil.rmtree, self._folder)


def _sample(manifest: Manifest, sizes: dict[str, int]) -> list[str]:
    """Choose documents at random, up to a number and a size."""
    there = [one for one, size in manifest.documents.items() if sizes.get(one) == size]
    chosen, left = [], _SAMPLE_BYTES
    for digest in random.SystemRandom().sample(there, min(_SAMPLE, len(there))):
        if manifest.documents[digest] <= left:
            chosen.append(digest)
            left -= manifest.documents[digest]
    return chosen


def _changed(folder: Path, paths: list[str]) -> list[str]:
    """Return the names of files that are not what their names say."""
    names = [Path(path) for path in paths]
    return [
        path.name for path in names if content_digest(folder / str(path).lstrip("/")) != path.name
    ]
