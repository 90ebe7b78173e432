"""Open sockets by account, so that a session that ends takes them along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID


class Watchers:
    """Who watches. Each gets an event that says: close, you may not see this any more."""

    def __init__(self) -> None:
        self._revocations: dict[UUID, set[asyncio.Event]] = {}

    @contextmanager
    def watching(self, account_id: UUID) -> Iterator[asyncio.Event]:
        """Count as a watcher inside the block; yields the event to obey."""
        revoked = asyncio.Event()
        events = self._revocations.setdefault(account_id, set())
        events.add(revoked)
        try:
            yield revoked
        finally:
            events.discard(revoked)
            if not events:
                self._revocations.pop(account_id, None)

    def revoke(self, account_id: UUID | None = None) -> None:
        """Send one account's watchers away, or all: those who still may come back at once."""
        accounts = [account_id] if account_id else list(self._revocations)
        for account in accounts:
            for event in self._revocations.get(account, ()):
                event.set()
