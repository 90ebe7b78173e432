"""The library: the documents that answers come from, their progress, and uploads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from aiohttp import BodyPartReader, web

from appliance.accounts.guard import check_form, person
from appliance.accounts.model import Account
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, NotFoundError
from appliance.health.service_words import DOCUMENT_READER
from appliance.library.errors import (
    FormCutShortError,
    NoFileError,
    QuotaExceededError,
    UploadBrokenOffError,
)
from appliance.library.model import PRIVATE_NAME, Collection, Document, Uploaded, Usage
from appliance.library.names import clean
from appliance.library.reader_condition import ReaderCondition
from appliance.web import csrf, flash
from appliance.web.formats import count_of
from appliance.web.pagination import requested_page
from appliance.web.paths import identifier
from appliance.web.render import Frame, wants_fragment
from webchat import keys
from webchat.frame import frame
from webchat.pages.uploads import declared_size, field, file_name, parts, pieces

LIBRARY = "/library"
_PAGE_SIZE = 50
_MOST_PROBLEMS = 20
_CAUSES = {
    ReaderCondition.STOPPED: "The document reader is stopped.",
    ReaderCondition.GIVEN_UP: "The document reader failed too often and is not restarted any more.",
}
_UNIT = f"/admin/units/{DOCUMENT_READER}"
_KINDS = "PDF, Word, OpenDocument, RTF, HTML, Markdown, CSV and text"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one file of an upload was not added."""

    file_name: str
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Why no document is read at the moment, what the reader can do, and for operators where."""

    sentence: str
    hint: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class LibraryPage:
    """The library; `problems` and `note` describe the last upload."""

    template: ClassVar[str] = "library.html"

    frame: Frame
    documents: list[Document]
    collections: list[Collection]
    number: int
    last: int
    query: str
    upload_limit: int
    usage: Usage
    problems: tuple[Problem, ...] = ()
    note: str = ""
    pause: Pause | None = None
    kinds: str = _KINDS


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The result of one upload."""

    uploads: tuple[Uploaded, ...]
    problems: tuple[Problem, ...]
    status: int

    @property
    def note(self) -> str:
        """Describe the added files in one or two sentences."""
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

    Without `collection` the files go to the person's own documents, as they do over the API.
    With htmx the answer is the new list; without it goes to the list, or shows what failed.
    """
    result = await _receive(request)
    if wants_fragment(request) or result.problems:
        return await _answer(request, result)
    return flash.redirect(LIBRARY, result.note)


async def row(request: web.Request) -> web.Response:
    """GET /library/{id}/row: the progress of a document; empty once it was deleted."""
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
    return flash.redirect(LIBRARY, "The document is deleted. Earlier answers may still quote it.")


async def retry(request: web.Request) -> web.Response:
    """POST /library/{id}/retry."""
    await request.app[keys.LIBRARY].retry(person(request), identifier(request))
    return flash.redirect(LIBRARY, "The document is in the queue again.")


async def _receive(request: web.Request) -> UploadResult:
    intake = Intake(request, person(request))
    try:
        async for part in parts(request):
            await intake.take(part)
    except (FormCutShortError, QuotaExceededError) as error:
        intake.refuse("", error)
    return intake.result()


class Intake:
    """Takes an upload part by part, in the form's order: the token comes before any file.

    The other files of the form are added even if one is refused.
    """

    def __init__(self, request: web.Request, actor: Account) -> None:
        self._request = request
        self._library = request.app[keys.LIBRARY]
        self._quotas = request.app[keys.QUOTAS]
        self._actor = actor
        self._has_room = False
        self._token = request.headers.get(csrf.HEADER)
        self._collection: UUID | None = None
        self._uploads: list[Uploaded] = []
        self._problems: list[Problem] = []
        self._status = 200

    async def take(self, part: BodyPartReader) -> None:
        """Take a field or a file.

        Raises RequestForgedError, UploadBrokenOffError, and QuotaExceededError for a form whose
        files together have no room: before any of them is received.
        """
        match part.name:
            case csrf.FIELD:
                self._token = await field(part)
            case "collection":
                chosen = await self._library.collection(self._actor, await field(part))
                self._collection = chosen.id
            case "file" if part.filename:
                check_form(self._request, self._token)
                if not self._has_room:
                    declared = declared_size(self._request)
                    await self._quotas.check_declared(self._actor, declared)
                    self._has_room = True
                await self._take_file(part)
            case _:
                pass

    def result(self) -> UploadResult:
        """Return the result; a form without a file is a problem as well."""
        check_form(self._request, self._token)
        if not self._uploads and not self._problems:
            self.refuse("", NoFileError())
        return UploadResult(tuple(self._uploads), self._shown(), self._status)

    def refuse(self, name: str, error: ApplianceError) -> None:
        """Record the problem of a file, or of the form."""
        if not self._problems:
            self._status = error.status
        self._problems.append(Problem(name, error.message, error.advice))

    async def _take_file(self, part: BodyPartReader) -> None:
        if self._collection is None:
            self._collection = (await self._library.collection(self._actor, PRIVATE_NAME)).id
        name = file_name(part)
        try:
            uploaded = await self._library.upload(
                self._actor, self._collection, name, pieces(part), by=self._actor
            )
        except UploadBrokenOffError:
            raise
        except ApplianceError as error:
            self.refuse(clean(name), error)
        else:
            self._uploads.append(uploaded)

    def _shown(self) -> tuple[Problem, ...]:
        """Return the first problems, the last, and the number of those in between."""
        if len(self._problems) <= _MOST_PROBLEMS:
            return tuple(self._problems)
        *first, last = self._problems[: _MOST_PROBLEMS - 1] + self._problems[-1:]
        others = count_of(len(self._problems) - _MOST_PROBLEMS, "other file")
        between = Problem("", f"{others} could not be added.", "Add fewer at once to see why.")
        return (*first, between, last)


def pause_of(known: ReaderCondition | None, actor: Account) -> Pause | None:
    """Return what to say while no document is read; None while reading goes on. Pure."""
    if known not in _CAUSES:
        return None
    sentence = "Reading is paused: new documents wait in the queue, and nothing is lost."
    if actor.may(Permission.CONTROL_UNITS):
        return Pause(sentence, f"{_CAUSES[known]} Its page says why, and starts it.", _UNIT)
    return Pause(sentence, "They are read as soon as an operator has started it again. Just wait.")


async def _answer(request: web.Request, result: UploadResult | None = None) -> web.Response:
    actor = person(request)
    library = request.app[keys.LIBRARY]
    query = request.query.get("query", "").replace("\0", "").strip()[:200]
    part = requested_page(request, await library.count(actor, words=query), _PAGE_SIZE)
    page = LibraryPage(
        frame=frame(request, "Library", "library"),
        documents=await library.documents(actor, words=query, limit=part.size, offset=part.offset),
        collections=await library.collections(actor),
        number=part.number,
        last=part.last,
        query=query,
        upload_limit=request.app[keys.LIVE].upload_limit(),
        usage=await request.app[keys.QUOTAS].usage(actor),
        problems=result.problems if result else (),
        note=result.note if result else "",
        pause=pause_of(await request.app[keys.READER](), actor),
    )
    status = result.status if result else 200
    response = request.app[keys.RENDERER].page(request, page, block="documents", status=status)
    if result is not None:
        # Without this header, the page's script shows a sentence of its own for an error status.
        response.headers["HX-Retarget"] = "#documents"
    return response
