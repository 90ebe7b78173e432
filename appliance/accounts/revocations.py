"""Hear at once of sessions and keys that end, whichever process ends them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from appliance.core.clock import Clock
from appliance.db.listen import Listener

# As in queries.sql.
CHANNEL = "cloister_chat"


class Revocations:
    """What `AccountStore.announce` says."""

    def __init__(self, address: str, clock: Clock) -> None:
        self._listener = Listener(address, CHANNEL, clock)

    async def heard(self) -> AsyncGenerator[UUID | None, None]:
        """Yield whose sessions end, or which key; None when some may have been missed."""
        async with aclosing(self._listener.heard()) as heard:
            async for said in heard:
                if said is None:
                    yield None
                elif revoked := _revoked(said):
                    yield revoked


def _revoked(said: str) -> UUID | None:
    """Return whom or what it is about; None for what means nothing here."""
    subject, _, identity = said.partition(":")
    try:
        return UUID(identity) if subject == "revoked" else None
    except ValueError:
        return None
