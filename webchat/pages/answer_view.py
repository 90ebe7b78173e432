"""Messages for the templates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from markupsafe import Markup, escape

from appliance.answering.live_answer import LiveAnswer
from appliance.answering.model import Queued
from appliance.conversations.model import AnswerKind, Author, Citation, Message, MessageState
from appliance.web import markdown
from appliance.web.formats import count_of, duration
from appliance.web.render import url


@dataclass(frozen=True, slots=True)
class CitationView:
    """A source; no `url` means that its document was deleted."""

    number: int
    file_name: str
    place: str
    url: str | None


@dataclass(frozen=True, slots=True)
class MessageView:
    """What the macro `message` of `_rows.html` needs."""

    id: UUID
    author: Author
    state: MessageState
    kind: AnswerKind | None
    html: Markup
    error_message: str | None
    error_hint: str | None
    context_usage: str
    model: str | None
    socket_url: str
    can_be_tried_again: bool
    citations: tuple[CitationView, ...] = ()


def message_view(message: Message, citations: Iterable[Citation] = ()) -> MessageView:
    """Return a question or an answer as a reload shows it; an answer's `html` is up to date."""
    sources = tuple(citation_view(citation) for citation in citations)
    if message.is_question:
        html = escape(message.text)
    else:
        links = {source.number: source.url for source in sources}
        html = markdown.with_links(message.html or "", links)
    return MessageView(
        id=message.id,
        author=message.author,
        state=message.state,
        kind=message.kind,
        html=html,
        error_message=message.error_message,
        error_hint=message.error_hint,
        context_usage=message.context_usage.sentence if message.context_usage else "",
        model=message.model,
        socket_url=url("/ws/{worker}/answers/{id}", worker=message.worker or 0, id=message.id),
        can_be_tried_again=message.can_be_tried_again,
        citations=sources,
    )


def citation_view(citation: Citation) -> CitationView:
    """Return a source with the address of its page."""
    href = None
    if citation.document_id is not None:
        marked = (citation.document_id, citation.page, citation.start_at, citation.end_at)
        href = source_url(*marked, citation.number)
    place = citation.label or f"p. {citation.page}"
    return CitationView(citation.number, citation.file_name, place, href)


def source_url(document_id: UUID, page: int, start: int, end: int, number: int) -> str:
    """Return the address of a page of a document with a passage marked."""
    marked = {"from": start, "to": end, "citation": number}
    return url("/library/{id}/pages/{number}", id=document_id, number=page, **marked)


def status_words(live: LiveAnswer) -> str:
    """Return the progress of an answer in words."""
    if live.text:
        return "Writing…"
    if live.queued is not None:
        return queue_words(live.queued)
    if live.is_thinking:
        return "Thinking…"
    if live.context is not None:
        return f"Reading {count_of(live.context.found, 'passage')}…"
    return "Looking through your documents…"


def queue_words(queued: Queued) -> str:
    """Return a place in the queue in words, with about how long it takes if that is known."""
    ahead = f"{count_of(queued.ahead, 'answer')} before yours" if queued.ahead else "yours is next"
    wait = f", about {duration(queued.seconds)}" if queued.seconds else ""
    return f"Waiting: {ahead}{wait}…"
