"""One document: the list of its pages, one page with a marked passage, and the file itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from aiohttp import web

from appliance.accounts.guard import person
from appliance.core.errors import NotFoundError
from appliance.library.errors import FileDamagedError
from appliance.library.model import Document, LedgerRow, PageText
from appliance.web.pagination import requested_page
from appliance.web.paths import identifier, whole_number
from appliance.web.render import Frame
from webchat import keys
from webchat.frame import frame

_LOG = logging.getLogger(__name__)

# Rendering ten thousand rows would block all other requests.
_LEDGER_SIZE = 200
# An uploaded file is never shown inside Cloister's pages, and may run nothing if it is opened.
_FILE_HEADERS = {
    "Content-Type": "application/octet-stream",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Accept-Ranges": "none",
}


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A document with part `number` of `last` of the list of its pages."""

    template: ClassVar[str] = "document.html"

    frame: Frame
    document: Document
    ledger: list[LedgerRow]
    number: int
    last: int


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text in three parts: before a passage, the lines of the passage, and after it.

    The passage may begin and end inside a line: `lead` and `trail` are the rest of these lines.
    """

    before: str
    lead: str = ""
    marked: str = ""
    trail: str = ""
    after: str = ""

    @property
    def lines(self) -> list[str]:
        """The passage line by line."""
        return self.marked.split("\n")


@dataclass(frozen=True, slots=True)
class TextPage:
    """The text of one page, cut around the passage that is marked, if there is one."""

    template: ClassVar[str] = "document_page.html"

    frame: Frame
    document: Document
    page: PageText
    text: MarkedText
    citation: int | None
    address: str

    @property
    def place(self) -> str:
        """Name the page; documents without pages have parts with a label instead."""
        if self.page.label:
            return self.page.label[:1].upper() + self.page.label[1:]
        return f"Page {self.page.number} of {self.document.page_count or self.document.pages_done}"


async def show(request: web.Request) -> web.Response:
    """GET /library/{id}?page=."""
    library = request.app[keys.LIBRARY]
    actor = person(request)
    found = await library.document(actor, identifier(request))
    part = requested_page(request, found.pages_done, _LEDGER_SIZE)
    page = DocumentPage(
        frame=frame(request, found.file_name, "library"),
        document=found,
        ledger=await library.ledger(actor, found.id, limit=part.size, offset=part.offset),
        number=part.number,
        last=part.last,
    )
    return request.app[keys.RENDERER].page(request, page, block="ledger")


async def show_page(request: web.Request) -> web.Response:
    """GET /library/{id}/pages/{number}?from=&to=&citation=: with `from` and `to` marked."""
    library = request.app[keys.LIBRARY]
    actor = person(request)
    number = whole_number(request.match_info["number"])
    if number is None:
        raise NotFoundError(what="page")
    found = await library.document(actor, identifier(request))
    text = await library.page(actor, found.id, number)
    start, end = (whole_number(request.query.get(name, "")) for name in ("from", "to"))
    page = TextPage(
        frame=frame(request, found.file_name, "library"),
        document=found,
        page=text,
        text=marked_text(text.text, start, end),
        citation=whole_number(request.query.get("citation", "")),
        address=str(request.rel_url),
    )
    return request.app[keys.RENDERER].page(request, page, block="source")


async def original(request: web.Request) -> web.StreamResponse:
    """GET /library/{id}/file: the file as it was uploaded, to be saved.

    It is verified while it is sent. Parts are not served: only the whole can be verified. A small
    file that is damaged is an error page; a larger one ends before its last piece, with a broken
    connection, which no client takes for a complete file.
    """
    library = request.app[keys.LIBRARY]
    response = web.StreamResponse(headers=_FILE_HEADERS)
    try:
        async with library.original(person(request), identifier(request)) as found:
            # Read before the answer begins: what is known by then becomes an error page.
            first = await anext(found.pieces)
            response.headers["Content-Disposition"] = attachment(found.file_name)
            response.content_length = found.size
            await response.prepare(request)
            await response.write(first)
            async for piece in found.pieces:
                await response.write(piece)
    except FileDamagedError:
        if not response.prepared:
            raise
        _LOG.error("download broken off: request=%s fault=%s", request.path, FileDamagedError.code)
        _break_off(request)
    return response


def _break_off(request: web.Request) -> None:
    """Close the connection at once: the client sees that the answer is not complete."""
    if request.transport is not None:
        request.transport.abort()


def marked_text(text: str, start: int | None, end: int | None) -> MarkedText:
    """Split a text around a passage; a passage outside the text marks nothing."""
    if start is None or end is None or not 0 <= start < end <= len(text):
        return MarkedText(text)
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end - 1) + 1 or len(text)
    return MarkedText(text[:first], text[first:start], text[start:end], text[end:last], text[last:])


def attachment(file_name: str) -> str:
    """Return the Content-Disposition that saves a file under its name, with any characters."""
    plain = "".join(
        character if character.isascii() and character.isprintable() else "_"
        for character in file_name
    )
    for special in '"\\%':
        plain = plain.replace(special, "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
