"""The queue of documents, as operators see it."""

from __future__ import annotations

from uuid import UUID

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.errors import NotFoundError
from appliance.db.pool import Database
from appliance.library.model import BROKEN, DocumentState, QueueCounts, QueuedDocument
from appliance.library.store import DocumentStore


class QueueService:
    """What an operator may do with the queue; it never shows what is in a document."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue(
        self, state: DocumentState | None = None, limit: int = 200
    ) -> list[QueuedDocument]:
        """Return documents, unfinished ones first, then broken ones, then the newest."""
        async with self._database.connection() as connection:
            return await DocumentStore(connection).queue(state, limit)

    async def counts(self) -> QueueCounts:
        """Return how many documents are in each state."""
        async with self._database.connection() as connection:
            return await DocumentStore(connection).counts()

    async def retry(self, actor: Actor, document: UUID) -> None:
        """Queue a failed or quarantined document again.

        Raises NotFoundError when it is gone or needs no retry, and ForbiddenError.
        """
        actor.require(Permission.MANAGE_QUEUE)
        async with self._database.transaction() as connection:
            if not await DocumentStore(connection).queue_again(BROKEN, document):
                raise NotFoundError(what="document to retry")
            event = AuditEvent(Action.DOCUMENT_RETRY, ObjectType.DOCUMENT, str(document))
            await record(connection, actor, event)

    async def retry_failed(self, actor: Actor) -> int:
        """Queue all failed documents again, but not those in quarantine; return how many.

        Raises ForbiddenError.
        """
        actor.require(Permission.MANAGE_QUEUE)
        async with self._database.transaction() as connection:
            # Each document in quarantine is a decision of its own.
            count = await DocumentStore(connection).queue_again({DocumentState.FAILED})
            if count:
                event = AuditEvent(
                    Action.DOCUMENT_RETRY_FAILED, ObjectType.DOCUMENT, detail={"count": count}
                )
                await record(connection, actor, event)
            return count
