"""Bring back the files of documents: files are added, and never changed or removed."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from appliance.backup.layout import DOCUMENTS
from appliance.core.files import fsync_directory, has_size, sync_file
from appliance.core.settings import Settings
from appliance.library.blobs import UNCONFIRMED
from appliance.operations.model import Progress
from appliance.operations.work import Reporter
from appliance.repository.model import Snapshot
from appliance.restore.errors import FilesDifferError
from appliance.restore.fetch import watching
from appliance.restore.room import enough_room, usable
from appliance.restore.source import Source

_INCOMING = "incoming/restored"
# The other processes that read documents share the group of their folder.
_FOLDER_MODE, _FILE_MODE = 0o770, 0o640
# A command line has a bound.
_MOST_PATHS = 500


def content_digest(path: Path) -> str:
    """Return the digest of a file; an empty text for one that is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def missing_here(settings: Settings, documents: Mapping[str, int]) -> dict[str, int]:
    """Return which of these files, by digest and size, are not on this machine."""
    return {
        digest: size
        for digest, size in documents.items()
        if not has_size(settings.documents / digest[:2] / digest, size)
    }


@contextmanager
def kept_orphans(settings: Settings, *, afterwards: bool) -> Iterator[None]:
    """Keep files that no document uses from being deleted, while the block runs.

    `afterwards` says that they are still kept when the block has ended well.
    """
    marker = settings.documents / UNCONFIRMED
    with usable(settings.documents):
        settings.documents.mkdir(parents=True, exist_ok=True)
        was_there = marker.exists()
        marker.touch(mode=_FILE_MODE)
        fsync_directory(settings.documents)
    is_done = False
    try:
        yield
        is_done = True
    finally:
        if not was_there and not (afterwards and is_done):
            marker.unlink(missing_ok=True)


def release_orphans(settings: Settings) -> None:
    """Let files that no document uses be deleted again."""
    (settings.documents / UNCONFIRMED).unlink(missing_ok=True)


async def add_missing(
    settings: Settings,
    source: Source,
    snapshot: Snapshot,
    documents: Mapping[str, int],
    report: Reporter,
) -> int:
    """Add the files that this machine lacks, each verified; return how many.

    Files that the snapshot lacks, too, stay missing: their documents say so when they are read.
    """
    missing = await asyncio.to_thread(missing_here, settings, documents)
    if not missing:
        return 0
    target = settings.documents / _INCOMING
    doing = "Reading documents from the repository"
    with enough_room(settings.documents, sum(missing.values())), usable(target):
        await asyncio.to_thread(_make, target)
        try:
            async with watching(target, sum(missing.values()), doing, report):
                await source.repository.restore(snapshot.id, target, _paths(missing))
            report.progress(Progress("Putting the documents in place."))
            return await asyncio.to_thread(_place_all, settings.documents, target, missing)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, target, ignore_errors=True))


def _paths(missing: Collection[str]) -> list[str]:
    """Return what to read: single files, or all files of folders where that would be a long list.

    Never a folder itself: its mode has a bit that a sealed service may not set.
    """
    if len(missing) <= _MOST_PATHS:
        return [f"/{DOCUMENTS}/{digest[:2]}/{digest}" for digest in sorted(missing)]
    return [f"/{DOCUMENTS}/{folder}/*" for folder in sorted({digest[:2] for digest in missing})]


def _make(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True, mode=_FOLDER_MODE)


def _place_all(folder: Path, target: Path, missing: Mapping[str, int]) -> int:
    """Give each file its name, durably. Raises FilesDifferError for one with another content."""
    added, changed, touched = 0, [], set()
    for digest in sorted(missing):
        path = target / DOCUMENTS / digest[:2] / digest
        found = content_digest(path)
        if not found:
            continue
        if found != digest:
            changed.append(digest)
            continue
        place = folder / digest[:2]
        if not place.is_dir():
            place.mkdir(mode=_FOLDER_MODE)
        sync_file(path, _FILE_MODE)
        path.replace(place / digest)
        touched.add(place)
        added += 1
    for place in (*touched, folder):
        fsync_directory(place)
    if changed:
        raise FilesDifferError(files=changed, count=len(changed), first=changed[0])
    return added
