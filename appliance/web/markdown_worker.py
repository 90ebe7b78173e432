"""Render Markdown in a process of its own, so that no answer keeps the others waiting.

A thread would not do: parsing is Python, which holds the interpreter's lock, and every request
would wait for it again and again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

from appliance.core.coprocess import Coprocess, CoprocessError
from appliance.core.limits import Limits
from appliance.core.python import module_command, module_environment
from appliance.web.markdown_limits import Allowance

# Of one text. The longest ordinary answer takes a tenth of it; beyond it a text stays plain.
_PROCESSOR_SECONDS = 1.0
# Of one text, on a machine that is busy with other work.
_DEADLINE_SECONDS = 10.0
_MEMORY = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Grown:
    """A growing text as HTML: new closed blocks, which hold `consumed` characters, and the rest."""

    blocks: tuple[str, ...]
    consumed: int
    tail: str
    allowance: Allowance


class Markdown(Protocol):
    """Renders answers without blocking the event loop."""

    async def render(self, text: str) -> str | None:
        """Return HTML as `markdown.to_html` makes it; None if that is impossible at the moment."""
        ...

    async def grow(self, text: str, allowance: Allowance) -> Grown | None:
        """Return a growing text as HTML; None if that is impossible at the moment."""
        ...


class MarkdownWorker:
    """The process that renders: `async with MarkdownWorker()`. It takes texts in turn."""

    def __init__(self, *, processor_seconds: float = _PROCESSOR_SECONDS) -> None:
        self._program = Coprocess(
            "markdown",
            module_command("appliance.web.markdown_program", str(processor_seconds)),
            deadline=_DEADLINE_SECONDS,
            limits=Limits(memory=_MEMORY),
            env=module_environment(),
        )

    async def __aenter__(self) -> Self:
        await self._program.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._program.__aexit__(*exc)

    async def render(self, text: str) -> str | None:
        """Return HTML as `markdown.to_html` makes it; None if that is impossible at the moment."""
        if not text:
            return ""
        found = await self._ask({"text": text})
        return None if found is None else str(found["html"])

    async def grow(self, text: str, allowance: Allowance) -> Grown | None:
        """Return a growing text as HTML; None if that is impossible at the moment."""
        found = await self._ask({"text": text, "allowance": asdict(allowance)})
        if found is None:
            return None
        left = Allowance(**found["allowance"])
        return Grown(tuple(found["blocks"]), found["consumed"], found["tail"], left)

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        try:
            answer = await self._program.ask(json.dumps(request).encode())
        except CoprocessError:
            # The coprocess has logged it.
            return None
        found: dict[str, Any] = json.loads(answer)
        return found
