"""Queue documents again, and the queue as operators see it."""

from __future__ import annotations

from uuid import UUID

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.errors import NotFoundError
from appliance.db.pool import Connection, Database
from appliance.library.model import BROKEN, DocumentState, QueueCounts, QueuedDocument
from appliance.library.store import DocumentStore


def document_event(action: Action, document: UUID) -> AuditEvent:
    """Return the event of an action on one document.

    It names no file: operators read the audit and must not see the name of a private document.
    """
    return AuditEvent(action, ObjectType.DOCUMENT, str(document))


async def queue_again(
    connection: Connection,
    actor: Actor,
    document: UUID,
    *,
    action: Action = Action.DOCUMENT_RETRY,
    file_name: str | None = None,
) -> bool:
    """Queue a document that could not be read, and record the action, in one transaction.

    The caller opens the transaction and checks that the actor may do this. A document that was
    read or is queued stays as it is; then the result is False and nothing is recorded.
    """
    if not await DocumentStore(connection).queue_again(BROKEN, document, file_name):
        return False
    await record(connection, actor, document_event(action, document))
    return True


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
            if not await queue_again(connection, actor, document):
                raise NotFoundError(what="document to retry")

    async def retry_failed(self, actor: Actor) -> int:
        """Queue all failed documents again, but not those in quarantine; return how many.

        Raises ForbiddenError.
        """
        actor.require(Permission.MANAGE_QUEUE)
        async with self._database.transaction() as connection:
            # A document in quarantine is queued again only by itself.
            count = await DocumentStore(connection).queue_again({DocumentState.FAILED})
            if count:
                event = AuditEvent(
                    Action.DOCUMENT_RETRY_FAILED, ObjectType.DOCUMENT, detail={"count": count}
                )
                await record(connection, actor, event)
            return count
