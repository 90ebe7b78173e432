"""Renders Markdown in the test's own process, with the code that the worker's program runs."""

from __future__ import annotations

from dataclasses import replace

from appliance.web.markdown import split_and_render, to_html
from appliance.web.markdown_limits import Allowance
from appliance.web.markdown_worker import Grown


class InlineMarkdown:
    """Counts the characters that it renders; `is_down` makes it render nothing."""

    def __init__(self) -> None:
        self.rendered = 0
        self.is_down = False

    async def render(self, text: str) -> str | None:
        """Return HTML, or None while it is down."""
        if self.is_down:
            return None
        self.rendered += len(text)
        return to_html(text)

    async def grow(self, text: str, allowance: Allowance) -> Grown | None:
        """Return a growing text as HTML, or None while it is down."""
        if self.is_down:
            return None
        self.rendered += len(text)
        left = replace(allowance)
        closed, blocks, tail = split_and_render(text, left)
        return Grown(tuple(blocks), sum(map(len, closed)), tail, left)
