"""The verb for documents: ingest."""

from __future__ import annotations

import argparse
import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from appliance.accounts.model import Account
from appliance.actors.model import CommandLine
from appliance.cli.context import Context
from appliance.cli.errors import NoSuchFileError
from appliance.cli.output import ExitCode
from appliance.cli.sources import Source, Sources
from appliance.cli.verbs import Verbs, add_verb
from appliance.core.errors import ApplianceError
from appliance.core.settings import MEBIBYTE
from appliance.library.blobs import Blobs, Room, SystemDisk
from appliance.library.model import SHARED_NAME, Document, DocumentState
from appliance.library.service import LibraryService

_LOOK_EVERY = 0.2
_REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class _Upload:
    """What became of handing over a file: a document, or the reason why there is none."""

    path: Path
    document: Document | None
    problem: str | None = None


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add ingest."""
    ingest_verb = add_verb(verbs, shared, "ingest", ingest, "add files and folders to the library")
    ingest_verb.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="files and folders"
    )
    ingest_verb.add_argument("--collection", default=SHARED_NAME, help="its name or id")
    ingest_verb.add_argument("--no-wait", action="store_true", help="do not wait until all is read")
    ingest_verb.add_argument("--user", help="for whom (default: the first operator)")
    ingest_verb.set_defaults(prepare=_open_sources)


def _open_sources(options: argparse.Namespace) -> None:
    """Open every file while root is still root: the appliance's account may not read them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    options.sources = Sources.of(options.paths)


async def ingest(context: Context, options: argparse.Namespace) -> ExitCode:
    """Upload every file, then wait until each is ready or has failed."""
    sources: Sources = options.sources
    if sources.links:
        context.output.say(
            f"Symbolic links in folders are left out: {sources.links}. Name one to add its file."
        )
    with closing(sources):
        rows = await _ingest(context, options, sources.found)
    context.output.table(rows, "There are no files.")
    bad = {_REFUSED, DocumentState.FAILED, DocumentState.QUARANTINED}
    return ExitCode.FAILED if any(row["state"] in bad for row in rows) else ExitCode.DONE


async def _ingest(
    context: Context, options: argparse.Namespace, sources: list[Source]
) -> list[dict[str, object]]:
    async with context.database() as database:
        actor = await context.person(database, options.user)
        room = Room(limit=context.settings.upload_limit)
        blobs = Blobs(context.settings.documents, room, SystemDisk())
        library = LibraryService(database, blobs)
        collection = (await library.collection(actor, options.collection)).id
        # All are handed over before any is waited for, so that ingest works on several at once.
        uploads = [await _upload(library, actor, collection, source) for source in sources]
        wait = not options.no_wait
        return [await _outcome(context, library, actor, upload, wait=wait) for upload in uploads]


async def _upload(
    library: LibraryService, actor: Account, collection: UUID, source: Source
) -> _Upload:
    try:
        uploaded = await library.upload(
            actor, collection, source.path.name, _pieces(source), by=CommandLine()
        )
    except ApplianceError as error:
        return _Upload(source.path, None, error.message)
    return _Upload(source.path, uploaded.document)


async def _outcome(
    context: Context, library: LibraryService, actor: Account, upload: _Upload, *, wait: bool
) -> dict[str, object]:
    document = upload.document
    if document is None:
        return {"file": str(upload.path), "state": _REFUSED, "problem": upload.problem}
    while wait and not document.state.is_finished:
        await context.clock.sleep(_LOOK_EVERY)
        document = await library.document(actor, document.id)
    problem = document.fault.message if document.fault else None
    return {"file": str(upload.path), "state": str(document.state), "problem": problem}


async def _pieces(source: Source) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(source.file.read, MEBIBYTE):
            yield piece
    except OSError as error:
        raise NoSuchFileError(path=source.path, reason=error.strerror) from error
