"""The HTML of an answer while it is written, made once for all open pages.

The work is in proportion to what is new. A block that no later text can change is rendered once.
The open rest is rendered again while it is short; a long one again only after it has grown by a
part of itself, and until then what is new follows as plain text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from markupsafe import Markup

from appliance.answering.live_answer import LiveAnswer
from appliance.core.clock import Clock
from appliance.web.markdown import with_links
from appliance.web.markdown_limits import Allowance
from appliance.web.markdown_worker import Markdown
from webchat.pages.answer_view import source_url, status_words

RENDER_SECONDS = 0.1
# Rendering so many characters takes a few milliseconds.
SHORT_REST = 1500
_GROWTH = 4
# After a failure; what is written meanwhile is shown as plain text.
_PAUSE_SECONDS = 2.0


class AnswerHtml:
    """The state of one answer as HTML; `version` is that of the answer it shows.

    `blocks` only grows. `tail` is the open rest, and `edition` counts how often it was rendered;
    `fresh` is the plain text behind it, which only grows within an edition.
    """

    def __init__(self, live: LiveAnswer, clock: Clock, markdown: Markdown) -> None:
        self._live = live
        self._clock = clock
        self._markdown = markdown
        self._lock = asyncio.Lock()
        self._rendered_at = float("-inf")
        self._paused_until = float("-inf")
        self._consumed = 0
        self._shown = 0
        self._allowance = Allowance()
        self._links: Mapping[int, str] = {}
        self.version = -1
        self.blocks: list[Markup] = []
        self.tail = Markup()
        self.edition = 0
        self.fresh = ""
        self.status = ""

    async def up_to_date(self) -> None:
        """Return when the HTML shows a state that is not older than RENDER_SECONDS."""
        async with self._lock:
            if self.version == self._live.version:
                return
            early = self._rendered_at + RENDER_SECONDS - self._clock.monotonic()
            if early > 0 and self._live.text:
                await self._clock.sleep(early)
            await self._update()

    async def _update(self) -> None:
        version, text, status = self._live.version, self._live.text, status_words(self._live)
        if text:
            rest, rendered = len(text) - self._consumed, self._shown - self._consumed
            is_due = rest <= SHORT_REST or rest >= rendered + rendered // _GROWTH
            if is_due and self._clock.monotonic() >= self._paused_until:
                await self._render(text)
            self.fresh = text[self._shown :]
            self._rendered_at = self._clock.monotonic()
        self.version, self.status = version, status

    async def _render(self, text: str) -> None:
        self._links = self._links or self._known_links()
        grown = await self._markdown.grow(text[self._consumed :], self._allowance)
        if grown is None:
            self._paused_until = self._clock.monotonic() + _PAUSE_SECONDS
            return
        self.blocks += [with_links(block, self._links) for block in grown.blocks]
        self.tail = with_links(grown.tail, self._links)
        self.edition += 1
        self._allowance = grown.allowance
        self._consumed += grown.consumed
        self._shown = len(text)

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
