"""The library: what Cloister may answer from, how far it is read, and how more is added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from aiohttp import BodyPartReader, web

from appliance.accounts.guard import check_form, person
from appliance.accounts.model import Account
from appliance.core.errors import ApplianceError, NotFoundError
from appliance.ingest.errors import UploadBrokenOffError
from appliance.web import csrf, flash
from appliance.web.formats import count_of
from appliance.web.paths import identifier
from appliance.web.render import Frame, wants_fragment
from webchat import keys
from webchat.frame import frame
from webchat.library.errors import NoFileError
from webchat.library.model import Collection, Document, Uploaded
from webchat.library.names import clean
from webchat.pages.uploads import field, parts, pieces

LIBRARY = "/library"
_PAGE_SIZE = 50
_KINDS = "PDF, Word, OpenDocument, RTF, HTML, Markdown, CSV and text"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one file of an upload was not added."""

    file_name: str
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True)
class LibraryPage:
    """`problems` and `note` tell how an upload went."""

    template: ClassVar[str] = "library.html"

    frame: Frame
    documents: list[Document]
    collections: list[Collection]
    number: int
    last: int
    query: str
    upload_limit: int
    problems: tuple[Problem, ...] = ()
    note: str = ""
    kinds: str = _KINDS


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the files of one upload fared."""

    uploads: tuple[Uploaded, ...]
    problems: tuple[Problem, ...]
    status: int

    @property
    def note(self) -> str:
        """Say what is new, in one sentence or two."""
        added = sum(not uploaded.duplicate for uploaded in self.uploads)
        known = [uploaded for uploaded in self.uploads if uploaded.duplicate]
        sentences = [f"{count_of(added, 'document')} added."] if added else []
        if known:
            names = ", ".join(f"“{uploaded.document.file_name}”" for uploaded in known[:3])
            more = f" and {len(known) - 3} more" if len(known) > 3 else ""
            sentences.append(f"Already in the library: {names}{more}.")
        return " ".join(sentences)


async def show(request: web.Request) -> web.Response:
    """GET /library?query=&page=."""
    return await _answer(request)


async def upload(request: web.Request) -> web.Response:
    """POST /library: a form with `csrf`, `collection` (an id) and any number of `file`.

    With htmx the answer is the new list; without it goes to the list, or shows what failed.
    """
    outcome = await _outcome(request)
    if wants_fragment(request) or outcome.problems:
        return await _answer(request, outcome)
    return flash.redirect(LIBRARY, outcome.note)


async def row(request: web.Request) -> web.Response:
    """GET /library/{id}/row: how far a document is; empty once it was deleted."""
    try:
        found = await request.app[keys.LIBRARY].document(person(request), identifier(request))
    except NotFoundError:
        return web.Response(content_type="text/html")
    token = frame(request, "Library").csrf
    text = request.app[keys.RENDERER].row("document", found, token)
    return web.Response(text=text, content_type="text/html")


async def delete(request: web.Request) -> web.Response:
    """POST /library/{id}/delete."""
    await request.app[keys.LIBRARY].delete(person(request), identifier(request))
    return flash.redirect(LIBRARY, "The document is deleted.")


async def retry(request: web.Request) -> web.Response:
    """POST /library/{id}/retry."""
    await request.app[keys.LIBRARY].retry(person(request), identifier(request))
    return flash.redirect(LIBRARY, "The document is in the queue again.")


async def _outcome(request: web.Request) -> Outcome:
    """Take file after file; one that is refused does not stop the others.

    Fields come in the order of the form: the token before any file, or in its header.
    """
    actor = person(request)
    collection: UUID | None = None
    uploads: list[Uploaded] = []
    problems: list[Problem] = []
    statuses: list[int] = []
    token = request.headers.get(csrf.HEADER)
    checked = False
    async for part in parts(request):
        if part.name == csrf.FIELD:
            token = await field(part)
        elif part.name == "collection":
            collection = await _collection(request, actor, await field(part))
        elif part.name == "file" and part.filename:
            if not checked:
                check_form(request, token)
                checked = True
            try:
                uploads.append(await _upload(request, actor, collection, part))
            except UploadBrokenOffError:
                raise
            except ApplianceError as error:
                problems.append(Problem(clean(part.filename), error.message, error.advice))
                statuses.append(error.status)
    check_form(request, token)
    if not uploads and not problems:
        missing = NoFileError()
        problems.append(Problem("", missing.message, missing.advice))
        statuses.append(missing.status)
    return Outcome(tuple(uploads), tuple(problems), next(iter(statuses), 200))


async def _collection(request: web.Request, actor: Account, chosen: str) -> UUID:
    return (await request.app[keys.LIBRARY].collection(actor, chosen)).id


async def _upload(
    request: web.Request, actor: Account, collection: UUID | None, part: BodyPartReader
) -> Uploaded:
    library = request.app[keys.LIBRARY]
    if collection is None:
        collection = (await library.collections(actor))[0].id
    return await library.upload(actor, collection, part.filename or "", pieces(part))


async def _answer(request: web.Request, outcome: Outcome | None = None) -> web.Response:
    actor = person(request)
    library = request.app[keys.LIBRARY]
    query = request.query.get("query", "").strip()[:200]
    last = max(1, -(-await library.count(actor, words=query) // _PAGE_SIZE))
    asked = request.query.get("page", "1")
    number = min(int(asked), last) if asked.isascii() and asked.isdecimal() else 1
    number = max(1, number)
    page = LibraryPage(
        frame=frame(request, "Library", "library"),
        documents=await library.documents(
            actor, words=query, limit=_PAGE_SIZE, offset=(number - 1) * _PAGE_SIZE
        ),
        collections=await library.collections(actor),
        number=number,
        last=last,
        query=query,
        upload_limit=request.app[keys.SETTINGS].upload_limit,
        problems=outcome.problems if outcome else (),
        note=outcome.note if outcome else "",
    )
    status = outcome.status if outcome else 200
    return request.app[keys.RENDERER].page(request, page, block="documents", status=status)
