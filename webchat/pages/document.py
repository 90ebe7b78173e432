"""One document: its ledger, its pages with a passage marked, and the file itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from aiohttp import web

from appliance.accounts.guard import person
from appliance.core.errors import NotFoundError
from appliance.web.paths import identifier
from appliance.web.render import Frame
from webchat import keys
from webchat.frame import frame
from webchat.library.model import Document, LedgerRow, PageText

# What is uploaded is never shown inside our own pages, and may do nothing if it is opened.
_FILE_HEADERS = {
    "Content-Type": "application/octet-stream",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A document with how the reading of each page went."""

    template: ClassVar[str] = "document.html"

    frame: Frame
    document: Document
    ledger: list[LedgerRow]


@dataclass(frozen=True, slots=True)
class TextPage:
    """The text of one page in three parts; the one in the middle is marked, and may be empty."""

    template: ClassVar[str] = "document_page.html"

    frame: Frame
    document: Document
    page: PageText
    text_before: str
    text_marked: str
    text_after: str
    citation: int | None


async def show(request: web.Request) -> web.Response:
    """GET /library/{id}."""
    library = request.app[keys.LIBRARY]
    actor = person(request)
    found = await library.document(actor, identifier(request))
    ledger = await library.ledger(actor, found.id)
    page = DocumentPage(frame(request, found.file_name, "library"), found, ledger)
    return request.app[keys.RENDERER].page(request, page, block="ledger")


async def show_page(request: web.Request) -> web.Response:
    """GET /library/{id}/pages/{number}?from=&to=&citation=: with `from` and `to` marked."""
    library = request.app[keys.LIBRARY]
    actor = person(request)
    number = _number(request.match_info["number"])
    if number is None:
        raise NotFoundError(what="page")
    found = await library.document(actor, identifier(request))
    text = await library.page(actor, found.id, number)
    start, end = _number(request.query.get("from", "")), _number(request.query.get("to", ""))
    before, marked, after = split(text.text, start, end)
    page = TextPage(
        frame=frame(request, found.file_name, "library"),
        document=found,
        page=text,
        text_before=before,
        text_marked=marked,
        text_after=after,
        citation=_number(request.query.get("citation", "")),
    )
    return request.app[keys.RENDERER].page(request, page, block="source")


async def original(request: web.Request) -> web.StreamResponse:
    """GET /library/{id}/file: the file as it was uploaded, to be saved."""
    found = await request.app[keys.LIBRARY].original(person(request), identifier(request))
    disposition = {"Content-Disposition": attachment(found.file_name)}
    return web.FileResponse(found.path, headers=_FILE_HEADERS | disposition)


def split(text: str, start: int | None, end: int | None) -> tuple[str, str, str]:
    """Cut a text before and after a passage; a passage that is not there marks nothing."""
    if start is None or end is None or not 0 <= start < end <= len(text):
        return text, "", ""
    return text[:start], text[start:end], text[end:]


def attachment(file_name: str) -> str:
    """Return the Content-Disposition that saves a file under its name, whatever is in it."""
    plain = "".join(
        character if character.isascii() and character.isprintable() else "_"
        for character in file_name
    )
    for special in '"\\%':
        plain = plain.replace(special, "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None
