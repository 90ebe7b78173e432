"""The pages of conversations: ask, read, stop, rename, delete."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar
from uuid import UUID

from aiohttp import web

from appliance.accounts.guard import person, visitor
from appliance.conversations.model import Conversation, Exchange
from appliance.conversations.service import PAGE
from appliance.core.errors import ApplianceError, NotFoundError
from appliance.library.model import DocumentState
from appliance.web import flash
from appliance.web.forms import LARGEST_FORM, Form, read_form
from appliance.web.paths import identifier, whole_number
from appliance.web.render import Frame, url, wants_fragment
from webchat import keys
from webchat.frame import frame
from webchat.pages.answer_view import MessageView, message_view

EXAMPLES = 3
_CURRENT = "ask"


@dataclass(frozen=True, slots=True)
class Sidebar:
    """One page of the reader's conversations, and the address of the next page."""

    conversations: list[Conversation]
    older: str | None


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """An existing or a new conversation."""

    template: ClassVar[str] = "conversation.html"

    frame: Frame
    sidebar: Sidebar
    conversation: Conversation | None
    messages: list[MessageView]
    examples: list[str]
    has_documents: bool
    form: Form
    # The address of the messages before these, and of the last ones where these are not.
    earlier: str | None = None
    newest: str | None = None

    @property
    def conversations(self) -> list[Conversation]:
        """What the sidebar lists."""
        return self.sidebar.conversations

    @property
    def older(self) -> str | None:
        """The address of the next page of the list."""
        return self.sidebar.older


async def show_new(request: web.Request) -> web.Response:
    """GET /: a new conversation."""
    return await _new_page(request, Form())


async def start(request: web.Request) -> web.Response:
    """POST /conversations: the first question."""
    form = await read_form(request, limit=LARGEST_FORM)
    question = form.value("question").strip() or form.value("example")
    try:
        exchange = await request.app[keys.ANSWERING].start(person(request), question)
    except ApplianceError as error:
        if wants_fragment(request):
            raise
        form.fail("question", f"{error.message} {error.advice}")
        return await _new_page(request, form, error)
    target = url("/conversations/{id}", id=exchange.question.conversation_id)
    if wants_fragment(request):
        return web.Response(headers={"HX-Redirect": target})
    return flash.redirect(target)


async def show(request: web.Request) -> web.Response:
    """GET /conversations/{id}?until=: the last messages, or the last before a number."""
    return await _page(request, identifier(request), Form())


async def ask(request: web.Request) -> web.Response:
    """POST /conversations/{id}/messages: htmx gets the question and the answer as two rows."""
    conversation_id = identifier(request)
    form = await read_form(request, limit=LARGEST_FORM)
    try:
        exchange = await request.app[keys.ANSWERING].ask(
            person(request), conversation_id, form.value("question")
        )
    except ApplianceError as error:
        if wants_fragment(request) or error.status == HTTPStatus.NOT_FOUND:
            raise
        form.fail("question", f"{error.message} {error.advice}")
        return await _page(request, conversation_id, form, error)
    if wants_fragment(request):
        rows = _row(request, exchange, question=True) + _row(request, exchange)
        return web.Response(text=rows, content_type="text/html")
    return _to_answer(exchange)


async def ask_again(request: web.Request) -> web.Response:
    """POST /messages/{id}/again: write an incomplete answer again."""
    exchange = await request.app[keys.ANSWERING].ask_again(person(request), identifier(request))
    if wants_fragment(request):
        return web.Response(text=_row(request, exchange), content_type="text/html")
    return _to_answer(exchange)


async def stop(request: web.Request) -> web.Response:
    """POST /messages/{id}/stop: the socket shows the result."""
    message = await request.app[keys.ANSWERING].stop(person(request), identifier(request))
    if wants_fragment(request):
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return flash.redirect(url("/conversations/{id}", id=message.conversation_id))


async def rename(request: web.Request) -> web.Response:
    """POST /conversations/{id}/rename."""
    form = await read_form(request)
    conversations = request.app[keys.CONVERSATIONS]
    renamed = await conversations.rename(person(request), identifier(request), form.value("title"))
    return flash.redirect(url("/conversations/{id}", id=renamed.id), "Renamed.")


async def delete(request: web.Request) -> web.Response:
    """POST /conversations/{id}/delete."""
    await request.app[keys.ANSWERING].delete(person(request), identifier(request))
    return flash.redirect("/", "The conversation is deleted.")


async def _new_page(
    request: web.Request, form: Form, refusal: ApplianceError | None = None
) -> web.Response:
    reader = person(request)
    documents = await request.app[keys.LIBRARY].documents(reader)
    ready = [document for document in documents if document.state == DocumentState.READY]
    page = ConversationPage(
        frame=frame(request, "New question", _CURRENT),
        sidebar=await _sidebar(request),
        conversation=None,
        messages=[],
        examples=[f"What does “{each.title or each.file_name}” say?" for each in ready[:EXAMPLES]],
        has_documents=bool(ready),
        form=form,
    )
    return _answer(request, page, "messages", refusal)


async def _page(
    request: web.Request,
    conversation_id: UUID,
    form: Form,
    refusal: ApplianceError | None = None,
) -> web.Response:
    before = whole_number(request.query.get("until", ""))
    thread = await request.app[keys.CONVERSATIONS].thread(
        person(request), conversation_id, before=before
    )
    if before is not None and not thread.messages:
        raise NotFoundError(what="message")
    address = url("/conversations/{id}", id=conversation_id)
    page = ConversationPage(
        frame=frame(request, thread.conversation.title, _CURRENT),
        sidebar=await _sidebar(request),
        conversation=thread.conversation,
        messages=[message_view(each, thread.citations_of(each)) for each in thread.messages],
        examples=[],
        has_documents=True,
        form=form,
        earlier=url(address, until=thread.earlier) if thread.earlier else None,
        newest=None if before is None else address,
    )
    block = "messages" if before is None else "part"
    return _answer(request, page, block, refusal)


def _answer(
    request: web.Request, page: ConversationPage, block: str, refusal: ApplianceError | None
) -> web.Response:
    status = refusal.status if refusal else HTTPStatus.OK
    return request.app[keys.RENDERER].page(
        request, page, block=block, status=status, refusal=refusal
    )


async def _sidebar(request: web.Request) -> Sidebar:
    before = _before(request.query.get("before"))
    found = await request.app[keys.CONVERSATIONS].newest(
        person(request), before=before, limit=PAGE + 1
    )
    shown = found[:PAGE]
    older = url(request.path, before=shown[-1].id) if len(found) > PAGE else None
    return Sidebar(shown, older)


def _before(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _row(request: web.Request, exchange: Exchange, *, question: bool = False) -> str:
    view = message_view(exchange.question if question else exchange.answer)
    return request.app[keys.RENDERER].row("message", view, visitor(request).csrf)


def _to_answer(exchange: Exchange) -> web.Response:
    target = url("/conversations/{id}", id=exchange.answer.conversation_id)
    return flash.redirect(f"{target}#message-{exchange.answer.id}")
