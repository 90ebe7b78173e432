"""Open streams by account and API key, so that a revocation closes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID


class Disconnect:
    """Asks one open stream to close; `may_reconnect` says whether the client may return at once."""

    def __init__(self) -> None:
        self.may_reconnect = True
        self._requested = asyncio.Event()

    def request(self, *, may_reconnect: bool) -> None:
        """Ask the stream to close."""
        self.may_reconnect = may_reconnect
        self._requested.set()

    @property
    def is_requested(self) -> bool:
        """Whether the stream was asked to close."""
        return self._requested.is_set()

    async def wait(self) -> None:
        """Wait until the stream is asked to close."""
        await self._requested.wait()


class Subscriptions:
    """Open streams by account id, and by the id of the API key that a program presented."""

    def __init__(self) -> None:
        self._open: dict[UUID, set[Disconnect]] = {}

    @contextmanager
    def subscribe(self, *ids: UUID) -> Iterator[Disconnect]:
        """Register a stream of an account or a key for the length of the block.

        Check the permission inside the block; later revocations are delivered.
        """
        disconnect = Disconnect()
        # The command line has no key: both ids are that of the account then.
        different = set(ids)
        for each in different:
            self._open.setdefault(each, set()).add(disconnect)
        try:
            yield disconnect
        finally:
            for each in different:
                registered = self._open[each]
                registered.discard(disconnect)
                if not registered:
                    del self._open[each]

    def revoke(self, revoked: UUID) -> None:
        """Close the streams of an account of which a session ended, or of a revoked key."""
        for disconnect in self._open.get(revoked, ()):
            disconnect.request(may_reconnect=False)

    def refresh(self) -> None:
        """Close all streams; clients that still have the permission reconnect."""
        for registered in self._open.values():
            for disconnect in registered:
                disconnect.request(may_reconnect=True)
