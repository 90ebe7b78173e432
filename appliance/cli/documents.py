"""The verb for documents: ingest."""

from __future__ import annotations

import argparse
import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from appliance.cli.chat import chat_server
from appliance.cli.connection import NO_LIMIT, Connection, RefusedError
from appliance.cli.context import Context
from appliance.cli.errors import NoSuchFileError
from appliance.cli.output import ExitCode
from appliance.cli.questions import WHOSE
from appliance.cli.sources import Source, Sources
from appliance.cli.verbs import Verbs, add_verb
from appliance.core.variables import MEBIBYTE
from appliance.library.model import PRIVATE_NAME, SHARED_NAME, DocumentState

_POLL_SECONDS = 0.2
_REFUSED = "refused"
_READERS = {
    PRIVATE_NAME: f" No other person can read it; --collection “{SHARED_NAME}” is for everyone.",
    SHARED_NAME: " Everyone can read it.",
}


@dataclass(frozen=True, slots=True)
class _Upload:
    """The answer to an upload: the document's id, or the reason why there is none."""

    path: Path
    document: str | None
    problem: str | None = None


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add ingest."""
    ingest_verb = add_verb(verbs, shared, "ingest", ingest, "add files and folders to the library")
    ingest_verb.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="files and folders"
    )
    ingest_verb.add_argument(
        "--collection",
        default=PRIVATE_NAME,
        help=f"its name or id (default: {PRIVATE_NAME}, which only their owner can read; "
        f"{SHARED_NAME}, which everyone can read)",
    )
    ingest_verb.add_argument("--no-wait", action="store_true", help="do not wait until all is read")
    ingest_verb.add_argument("--user", help=WHOSE)
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
        rows = await _upload_all(context, options, sources.found)
    context.output.table(rows, "There are no files.")
    bad = {_REFUSED, DocumentState.FAILED, DocumentState.QUARANTINED}
    return ExitCode.FAILED if any(row["state"] in bad for row in rows) else ExitCode.DONE


async def _upload_all(
    context: Context, options: argparse.Namespace, sources: list[Source]
) -> list[dict[str, object]]:
    # The name is resolved before anything is sent, so that it can be said whose library it is.
    wanted = {"user": options.user} if options.user else {}
    person = await context.control.ask("GET", "/person", params=wanted)
    readers = _READERS.get(options.collection, "")
    context.output.say(f"Adding to “{options.collection}” for {person['name']}.{readers}")
    server = chat_server(context, person["name"])
    # All are uploaded before any is waited for, so that several are read at once.
    uploads = [await _upload(server, options.collection, source) for source in sources]
    wait = not options.no_wait
    return [await _outcome(context, server, upload, wait=wait) for upload in uploads]


async def _upload(server: Connection, collection: str, source: Source) -> _Upload:
    with aiohttp.MultipartWriter("form-data") as form:
        form.append(collection).set_content_disposition("form-data", name="collection")
        part = form.append_payload(aiohttp.AsyncIterablePayload(_pieces(source)))
        name = source.path.name
        part.set_content_disposition("form-data", quote_fields=False, name="file", filename=name)
        try:
            document = await server.ask("POST", "/api/documents", form=form, timeout=NO_LIMIT)
        except RefusedError as error:
            return _Upload(source.path, None, error.message)
    return _Upload(source.path, document["id"])


async def _outcome(
    context: Context, server: Connection, upload: _Upload, *, wait: bool
) -> dict[str, object]:
    if upload.document is None:
        return _row(upload, _REFUSED, None, upload.problem)
    path = f"/api/documents/{upload.document}"
    document: dict[str, Any] = await server.ask("GET", path)
    while wait and not DocumentState(document["status"]).is_finished:
        await context.clock.sleep(_POLL_SECONDS)
        document = await server.ask("GET", path)
    problem = document["error"]["message"] if document["error"] else None
    return _row(upload, document["status"], document["collection"], problem)


def _row(
    upload: _Upload, state: str, collection: str | None, problem: str | None
) -> dict[str, object]:
    return {
        "file": str(upload.path),
        "state": state,
        "collection": collection,
        "problem": problem,
    }


async def _pieces(source: Source) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(source.file.read, MEBIBYTE):
            yield piece
    except OSError as error:
        raise NoSuchFileError(path=source.path, reason=error.strerror) from error
