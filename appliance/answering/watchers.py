"""Open streams by account and key, so that a session or a key that ends takes them along."""

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
    """Who watches: by account, and by API key where one was presented."""

    def __init__(self) -> None:
        self._dismissals: dict[UUID, set[Dismissal]] = {}

    @contextmanager
    def watching(self, *ids: UUID) -> Iterator[Dismissal]:
        """Count as a watcher of an account or a key inside the block; yields what to obey.

        Ask only inside whether they still may watch: what is revoked later is told.
        """
        dismissal = Dismissal()
        for each in ids:
            self._dismissals.setdefault(each, set()).add(dismissal)
        try:
            yield dismissal
        finally:
            for each in ids:
                watching = self._dismissals[each]
                watching.discard(dismissal)
                if not watching:
                    del self._dismissals[each]

    def revoke(self, revoked: UUID) -> None:
        """Send the watchers of an account or a key away: a session of it has ended, or it has."""
        for dismissal in self._dismissals.get(revoked, ()):
            dismissal.tell(may_return=False)

    def refresh(self) -> None:
        """Send everybody away; whoever still may see an answer comes back and sees it."""
        for watching in self._dismissals.values():
            for dismissal in watching:
                dismissal.tell(may_return=True)
