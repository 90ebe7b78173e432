"""The queue of documents: what waits, what is read, what could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.database_breaker import Partial, load_partial
from admin.frame import frame
from admin.page_stream import stream_page
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.library.model import DocumentState, QueueCounts, QueuedDocument
from appliance.web import flash
from appliance.web.formats import count_of
from appliance.web.paths import identifier
from appliance.web.render import FlashKind, Frame

INGEST = "/admin/ingest"
_EVERY_SECONDS = 2.0
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class IngestPage:
    """`state` is what the operator wants to see alone."""

    template: ClassVar[str] = "ingest.html"

    frame: Frame
    documents: Partial[list[QueuedDocument]]
    counts: Partial[QueueCounts]
    state: DocumentState | None
    states: tuple[DocumentState, ...] = tuple(DocumentState)
    most_shown: int = _MOST_SHOWN


async def show_queue(request: web.Request) -> web.Response:
    """GET /admin/ingest, and for htmx the queue alone."""
    page = await _page(request)
    return request.app[keys.RENDERER].page(request, page, block="queue")


async def follow_queue(request: web.Request) -> web.StreamResponse:
    """GET /admin/ingest/events."""

    async def render() -> Mapping[str, str]:
        page = await _page(request)
        return {"queue": request.app[keys.RENDERER].fragment(page.template, "queue", page)}

    return await stream_page(request, render, every=_EVERY_SECONDS)


async def retry(request: web.Request) -> web.Response:
    """POST /admin/ingest/{id}/retry."""
    actor = permitted(request, Permission.MANAGE_QUEUE)
    await request.app[keys.QUEUE].retry(actor, identifier(request))
    return flash.redirect(INGEST, "The document is read again.")


async def retry_all(request: web.Request) -> web.Response:
    """POST /admin/ingest/retry: all that failed; those in quarantine only one by one."""
    actor = permitted(request, Permission.MANAGE_QUEUE)
    count = await request.app[keys.QUEUE].retry_failed(actor)
    if not count:
        return flash.redirect(INGEST, "No document had failed.", FlashKind.NOTE)
    return flash.redirect(INGEST, f"{count_of(count, 'document')} will be read again.")


async def _page(request: web.Request) -> IngestPage:
    queue, ask = request.app[keys.QUEUE], request.app[keys.BREAKER].ask
    named = request.query.get("state", "")
    state = DocumentState(named) if named in set(DocumentState) else None
    return IngestPage(
        frame(request, "Documents", "ingest"),
        await load_partial(lambda: ask(lambda: queue.queue(state, _MOST_SHOWN))),
        await load_partial(lambda: ask(queue.counts)),
        state,
    )
