"""What other processes tell this one through the database."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import psycopg

from appliance.core.clock import Clock

_LOG = logging.getLogger(__name__)
# Not in queries.sql: PostgreSQL prepares no LISTEN.
_LISTEN = "LISTEN cloister_chat"
_PAUSE = 1.0


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
    """Return what a payload says; None for one that means nothing here."""
    subject, _, identity = payload.partition(":")
    try:
        return Notice(Subject(subject), UUID(identity))
    except ValueError:
        return None


class Notices:
    """Listens on a connection of its own: a pooled one could be lent to somebody else."""

    def __init__(self, address: str, clock: Clock) -> None:
        self._address = address
        self._clock = clock
        self.is_listening = False

    async def heard(self) -> AsyncGenerator[Notice, None]:
        """Yield notices for ever; MISSED each time that the connection had to be made anew."""
        first = True
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._address, autocommit=True)
                async with connection:
                    await connection.execute(_LISTEN)
                    self.is_listening = True
                    if not first:
                        yield Notice(Subject.MISSED)
                    first = False
                    async for heard in connection.notifies():
                        if notice := read_notice(heard.payload):
                            yield notice
            except psycopg.Error as error:
                _LOG.warning("not listening to the database: %s", error)
            self.is_listening = False
            await self._clock.sleep(_PAUSE)
