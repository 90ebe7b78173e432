"""Notices that processes send to the chat servers through the database."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from appliance.core.clock import Clock
from appliance.db.listen import Listener

# `queries.sql` of accounts and of answering name it, too.
CHANNEL = "cloister_chat"


class Subject(StrEnum):
    """What a notice is about."""

    STOP = "stop"
    REVOKED = "revoked"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Notice:
    """`stop:MESSAGE_ID`, `revoked:ACCOUNT_OR_KEY_ID`, or that some may have been missed."""

    subject: Subject
    id: UUID | None = None

    @property
    def payload(self) -> str:
        """The notice as it is sent."""
        return f"{self.subject}:{self.id}"


def read_notice(payload: str) -> Notice | None:
    """Return the notice of a payload; None for an unknown one."""
    subject, _, identity = payload.partition(":")
    try:
        return Notice(Subject(subject), UUID(identity))
    except ValueError:
        return None


class Notices:
    """Receives the notices on the channel of the chat servers."""

    def __init__(self, address: str, clock: Clock) -> None:
        self._listener = Listener(address, CHANNEL, clock)

    @property
    def is_listening(self) -> bool:
        """Whether a notice would be received now."""
        return self._listener.is_listening

    async def received(self) -> AsyncGenerator[Notice, None]:
        """Yield notices for ever; MISSED after each reconnection."""
        async with aclosing(self._listener.heard()) as payloads:
            async for payload in payloads:
                notice = Notice(Subject.MISSED) if payload is None else read_notice(payload)
                if notice is not None:
                    yield notice
