"""How much of the disk the files of one person may take.

Declared sizes and arriving bytes are counted before they are written, over all uploads of the
person to this process. What decides is the count in the transaction that adds the document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias
from uuid import UUID

from appliance.accounts.model import Account
from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.errors import NotFoundError
from appliance.db.pool import Connection, Database
from appliance.library.errors import QuotaExceededError
from appliance.library.model import PersonUsage, Usage
from appliance.library.quota_store import QuotaStore
from appliance.settings.entry import NO_LIMIT
from appliance.settings.model import DOCUMENT_QUOTA
from appliance.web.formats import size as in_words

BY_DEFAULT = "default"


class NoSize(Enum):
    """A quota that is not a number of bytes."""

    DEFAULT = auto()
    UNLIMITED = auto()


Quota: TypeAlias = int | NoSize


def parse_quota(text: str) -> Quota:
    """Read `default`, `none` or a size such as `5 GB`. Raises SettingInvalidError."""
    if text.strip().lower() == BY_DEFAULT:
        return NoSize.DEFAULT
    return DOCUMENT_QUOTA.parse(text) or NoSize.UNLIMITED


def written_quota(usage: Usage) -> str:
    """Write the quota of a person as `parse_quota` reads it."""
    if not usage.is_own:
        return BY_DEFAULT
    return NO_LIMIT if usage.limit is None else DOCUMENT_QUOTA.written(usage.limit)


class Quotas:
    """Says what people's files take, and refuses what they have no room for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._arriving: Counter[UUID] = Counter()

    async def usage(self, owner: Account) -> Usage:
        """Return what a person's files take, and may take."""
        async with self._database.connection() as connection:
            return await QuotaStore(connection).usage(owner.id)

    async def everyone(self, actor: Actor) -> list[PersonUsage]:
        """Return the same for everybody, the most first. Raises ForbiddenError."""
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.connection() as connection:
            return await QuotaStore(connection).all_usages()

    async def set(self, actor: Actor, person: UUID, quota: Quota) -> PersonUsage:
        """Change what a person's files may take; files that are there stay.

        Raises ForbiddenError and NotFoundError.
        """
        actor.require(Permission.MANAGE_PEOPLE)
        async with self._database.transaction() as connection:
            store = QuotaStore(connection)
            await _find(store, person)
            match quota:
                case NoSize.DEFAULT:
                    await store.reset(person)
                case NoSize.UNLIMITED:
                    await store.set(person, None)
                case size:
                    await store.set(person, size)
            found = await _find(store, person)
            detail = {"quota": written_quota(found.usage)}
            event = AuditEvent(
                Action.PERSON_SET_QUOTA, ObjectType.PERSON, str(person), found.name, detail
            )
            await record(connection, actor, event)
        return found

    @asynccontextmanager
    async def counting(
        self, owner: Account, pieces: AsyncIterator[bytes], declared_size: int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Lend the pieces of an upload, which count for the owner while the block lasts.

        Raises QuotaExceededError, also in place of the piece for which there is no room.
        """
        counted = _Counted(owner.id, await self.usage(owner), self._arriving)
        _require(counted.usage, self._arriving[owner.id] + declared_size)
        try:
            yield counted.pass_on(pieces)
        finally:
            counted.end()

    async def check_declared(self, owner: Account, size: int) -> None:
        """Raise QuotaExceededError unless there is room for so many bytes at this moment."""
        _require(await self.usage(owner), self._arriving[owner.id] + size)

    async def require_room(self, connection: Connection, owner: Account, size: int) -> None:
        """Hold the room for a document until the commit. Raises QuotaExceededError."""
        store = QuotaStore(connection)
        await store.lock(owner.id)
        _require(await store.usage(owner.id), size)


@dataclass(slots=True)
class _Counted:
    """The bytes of one upload, and of all uploads of its owner to this process."""

    owner: UUID
    usage: Usage
    arriving: Counter[UUID]
    arrived: int = 0

    async def pass_on(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            self.arrived += len(piece)
            self.arriving[self.owner] += len(piece)
            _require(self.usage, self.arriving[self.owner])
            yield piece

    def end(self) -> None:
        self.arriving[self.owner] -= self.arrived
        if not self.arriving[self.owner]:
            del self.arriving[self.owner]


def _require(usage: Usage, size: int) -> None:
    if not usage.has_room(size):
        raise QuotaExceededError(used=in_words(usage.used), limit=in_words(usage.limit or 0))


async def _find(store: QuotaStore, person: UUID) -> PersonUsage:
    found = await store.person(person)
    if found is None:
        raise NotFoundError(what="person")
    return found
