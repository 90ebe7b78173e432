"""Open sockets by account, so that a session that ends takes them along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID


class Dismissal:
    """Tells a watcher to close; `may_return` says whether it may come back at once."""

    def __init__(self) -> None:
        self.may_return = True
        self._told = asyncio.Event()

    def tell(self, *, may_return: bool) -> None:
        """Send the watcher away."""
        self.may_return = may_return
        self._told.set()

    @property
    def is_told(self) -> bool:
        """Whether the watcher has been sent away."""
        return self._told.is_set()

    async def wait(self) -> None:
        """Wait until the watcher is sent away."""
        await self._told.wait()


class Watchers:
    """Who watches, by account."""

    def __init__(self) -> None:
        self._dismissals: dict[UUID, set[Dismissal]] = {}

    @contextmanager
    def watching(self, account_id: UUID) -> Iterator[Dismissal]:
        """Count as a watcher inside the block; yields what to obey."""
        dismissal = Dismissal()
        of_account = self._dismissals.setdefault(account_id, set())
        of_account.add(dismissal)
        try:
            yield dismissal
        finally:
            of_account.discard(dismissal)
            if not of_account:
                self._dismissals.pop(account_id, None)

    def revoke(self, account_id: UUID) -> None:
        """Send an account's watchers away: a session of it has ended."""
        for dismissal in self._dismissals.get(account_id, ()):
            dismissal.tell(may_return=False)

    def refresh(self) -> None:
        """Send everybody away; whoever still may see an answer comes back and sees it."""
        for of_account in self._dismissals.values():
            for dismissal in of_account:
                dismissal.tell(may_return=True)
