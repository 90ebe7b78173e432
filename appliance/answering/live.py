"""An answer while it is written, as those who watch it see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, assert_never
from uuid import UUID

from appliance.answering.model import Evidence, Numbered, Outcome, Part, Queued, Thinking, Words
from appliance.answering.store import Progress
from appliance.conversations.model import Exchange, MessageState

Shared = TypeVar("Shared")


class Live:
    """The newest state of one answer, with a number that grows with each change.

    Watchers ask for the state when they are ready for it, so a slow one skips what it missed and
    nobody ever waits for a watcher.
    """

    def __init__(self, account_id: UUID, exchange: Exchange) -> None:
        self.account_id = account_id
        self.question = exchange.question
        self.message = exchange.answer
        self.text = ""
        self.ahead: int | None = None
        self.evidence: Evidence | None = None
        self.outcome: Outcome | None = None
        self.is_thinking = False
        self.version = 0
        self.ended = False
        self._changed = asyncio.Event()
        self._shared: Any = None

    @property
    def state(self) -> MessageState:
        """Waiting until the first word, then writing."""
        return MessageState.WRITING if self.text else MessageState.WAITING

    def take(self, part: Part) -> None:
        """Take what the composer tells."""
        match part:
            case Queued(ahead=ahead):
                self.ahead = ahead
            case Evidence():
                self.ahead = None
                self.evidence = part
            case Thinking():
                self.is_thinking = True
            case Words(text=text):
                self.text += text
            case Outcome():
                self.outcome = part
            case _ as unreachable:
                assert_never(unreachable)
        self._tell()

    def end(self) -> None:
        """Say that the answer is kept as it ended: the database has the truth now."""
        self.ended = True
        self._tell()

    async def changed_since(self, version: int) -> None:
        """Wait until there is something newer than `version`, or the end."""
        while self.version == version and not self.ended:
            await self._changed.wait()

    async def until_ended(self) -> None:
        """Wait for the end."""
        while not self.ended:
            await self._changed.wait()

    def progress(self) -> Progress:
        """Return what is worth keeping now."""
        evidence = self.evidence
        if evidence is None:
            return Progress(self.message.id, self.text)
        return Progress(self.message.id, self.text, evidence.model, evidence.reading)

    def cited(self) -> tuple[Numbered, ...]:
        """Return the passages whose number stands in the text so far."""
        passages = self.evidence.passages if self.evidence else ()
        return tuple(each for each in passages if f"[{each.number}]" in self.text)

    def shared(self, make: Callable[[Live], Shared]) -> Shared:
        """Return what all watchers of this answer have together; the first one makes it."""
        if self._shared is None:
            self._shared = make(self)
        kept: Shared = self._shared
        return kept

    def _tell(self) -> None:
        self.version += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
