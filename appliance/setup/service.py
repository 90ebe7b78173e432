"""How far the set-up of this machine is, and what is decided about its steps."""

from __future__ import annotations

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.clock import Clock
from appliance.db.pool import Database
from appliance.setup.model import Progress, Step
from appliance.setup.store import SetupStore


class SetupService:
    """The state is the machine's: every operator, in every browser, goes on from it.

    Deciding requires Permission.CHANGE_SETTINGS.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def progress(self) -> Progress:
        """Return what is decided; a step of another version does not count."""
        async with self._database.connection() as connection:
            found = await SetupStore(connection).decisions()
        return Progress({Step(each.step): each for each in found if each.step in set(Step)})

    async def finish(self, actor: Actor, step: Step) -> None:
        """Note that a step is done."""
        actor.require(Permission.CHANGE_SETTINGS)
        async with self._database.transaction() as connection:
            store = SetupStore(connection)
            if await store.finish(step, by=actor.name, now=self._clock.now()):
                await record(connection, actor, _event(Action.SETUP_STEP_FINISH, step))

    async def skip(self, actor: Actor, step: Step) -> None:
        """Note that a step is skipped, unless it is done."""
        actor.require(Permission.CHANGE_SETTINGS)
        async with self._database.transaction() as connection:
            store = SetupStore(connection)
            if await store.skip(step, by=actor.name, now=self._clock.now()):
                await record(connection, actor, _event(Action.SETUP_STEP_SKIP, step))


def _event(action: Action, step: Step) -> AuditEvent:
    return AuditEvent(action, ObjectType.SETUP_STEP, step)
