"""Read and change what an operator may set."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.settings import Settings
from appliance.db.pool import Connection, Database
from appliance.settings.entry import AnyEntry, Value
from appliance.settings.model import ENTRIES, Setting, find_entry, setting_of
from appliance.settings.store import SettingStore


class OperatorSettings:
    """Reads settings, and changes them for actors with Permission.CHANGE_SETTINGS.

    `settings` are those of the environment, whose values are the defaults.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    async def all(self) -> list[Setting]:
        """Return every entry with its value, in the order of the table."""
        async with self._database.connection() as connection:
            return await self._all(connection)

    async def get(self, name: str) -> Setting:
        """Return one entry with its value. Raises UnknownSettingError."""
        entry = find_entry(name)
        return next(setting for setting in await self.all() if setting.entry is entry)

    async def change(self, actor: Actor, values: Mapping[str, Value | None]) -> list[Setting]:
        """Set entries, all or none of them; None resets one. Returns those that changed.

        Raises ForbiddenError, UnknownSettingError and SettingInvalidError.
        """
        actor.require(Permission.CHANGE_SETTINGS)
        wanted: dict[AnyEntry, Value | None] = {}
        for name, value in values.items():
            entry = find_entry(name)
            wanted[entry] = None if value is None else entry.check(value)
        async with self._database.transaction() as connection:
            before = {setting.entry: setting for setting in await self._all(connection)}
            store = SettingStore(connection)
            for entry, value in wanted.items():
                if value is None:
                    await store.reset(entry.name)
                else:
                    await store.set(entry.name, value)
            after = [each for each in await self._all(connection) if each != before[each.entry]]
            for setting in after:
                await record(connection, actor, _event(before[setting.entry], setting))
        return after

    async def _all(self, connection: Connection) -> list[Setting]:
        stored = await SettingStore(connection).stored([entry.name for entry in ENTRIES])
        return [setting_of(entry, stored.get(entry.name), self._settings) for entry in ENTRIES]


def _event(before: Setting, after: Setting) -> AuditEvent:
    detail: dict[str, str | int] = {
        "from": _in_audit(before.value),
        "to": _in_audit(after.value),
        "source": str(after.source),
    }
    return AuditEvent(Action.SETTING_CHANGE, ObjectType.SETTING, after.entry.name, detail=detail)


def _in_audit(value: Value) -> str | int:
    return ", ".join(value) if isinstance(value, tuple) else value
