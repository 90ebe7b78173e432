"""Messages for the templates: finished ones, and one that is being written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from markupsafe import Markup, escape

from appliance.answering.live_answer import LiveAnswer
from appliance.answering.model import Queued
from appliance.conversations.model import AnswerKind, Author, Citation, Message, MessageState
from appliance.core.clock import Clock
from appliance.web import markdown
from appliance.web.formats import count_of, duration
from appliance.web.render import url

RENDER_SECONDS = 0.1


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
    """Return a question or an answer as a reload shows it."""
    sources = tuple(citation_view(citation) for citation in citations)
    if message.is_question:
        html = escape(message.text)
    else:
        links = {source.number: source.url for source in sources}
        html = markdown.render(message.text, links)
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


class AnswerHtml:
    """The HTML of an answer that is being written, made once for all open pages.

    A block that no later text can change is rendered once; only the rest is rendered again, the
    first word at once and later text at most every RENDER_SECONDS.
    """

    def __init__(self, live: LiveAnswer, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._lock = asyncio.Lock()
        self._rendered_at = float("-inf")
        self._consumed = 0
        self._links: Mapping[int, str] = {}
        self.version = -1
        self.blocks: list[Markup] = []
        self.tail = Markup()
        self.status = ""

    async def up_to_date(self) -> None:
        """Return when the HTML shows a state that is not older than RENDER_SECONDS."""
        async with self._lock:
            if self.version == self._live.version:
                return
            early = self._rendered_at + RENDER_SECONDS - self._clock.monotonic()
            if early > 0 and self._live.text:
                await self._clock.sleep(early)
            self._render()

    def _render(self) -> None:
        self.version = self._live.version
        self.status = status_words(self._live)
        if not self._live.text:
            return
        self._rendered_at = self._clock.monotonic()
        self._links = self._links or self._known_links()
        rest = self._live.text[self._consumed :]
        closed, tail = markdown.split_blocks(rest)
        self._consumed += len(rest) - len(tail)
        self.blocks += [markdown.render(block, self._links) for block in closed]
        self.tail = markdown.render(tail, self._links)

    def _known_links(self) -> dict[int, str]:
        context = self._live.context
        return {
            each.number: source_url(
                each.passage.document_id,
                each.passage.page,
                each.passage.start,
                each.passage.end,
                each.number,
            )
            for each in (context.passages if context else ())
        }
