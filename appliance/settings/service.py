"""Read and change what an operator may set, in the database."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.clock import Clock, SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Connection, Database
from appliance.settings.entry import Value
from appliance.settings.errors import SettingChangedError
from appliance.settings.model import Setting, entries_of, find_entry, setting_of
from appliance.settings.store import SettingStore
from appliance.settings.word_entry import AnyEntry

Values = Mapping[str, Value | None]
"""New values by the names of entries; None goes back to the default."""


class OperatorSettings:
    """Reads settings, and changes them for actors with Permission.CHANGE_SETTINGS.

    The values of the environment are the defaults. What a change needs beside the database is
    `appliance.settings.changes`.
    """

    def __init__(self, database: Database, settings: Settings, clock: Clock | None = None) -> None:
        self._database = database
        self._defaults = settings.defaults
        self._clock = clock or SystemClock()
        self._entries = entries_of(settings)

    async def all(self) -> list[Setting]:
        """Return every entry with its value, in the order of the table."""
        async with self._database.connection() as connection:
            return await self._all(connection)

    async def get(self, name: str) -> Setting:
        """Return one entry with its value. Raises UnknownSettingError."""
        entry = self.find(name)
        return next(setting for setting in await self.all() if setting.entry is entry)

    def find(self, name: str) -> AnyEntry:
        """Return an entry that this installation has. Raises UnknownSettingError."""
        return find_entry(name, self._entries)

    def checked(self, values: Values) -> dict[str, Value | None]:
        """Return the values as they are stored. Raises UnknownSettingError, SettingInvalidError."""
        entries = {name: self.find(name) for name in values}
        return {
            name: None if value is None else entries[name].check(value)
            for name, value in values.items()
        }

    async def change(
        self, actor: Actor, values: Values, *, seen: Mapping[str, str] | None = None
    ) -> list[Setting]:
        """Set entries, all or none of them; None resets one. Returns those that changed.

        `seen` has the values, as text, from which the actor started out: an entry that has another
        one now is not overwritten.

        Raises ForbiddenError, UnknownSettingError, SettingInvalidError and SettingChangedError.
        """
        actor.require(Permission.CHANGE_SETTINGS)
        wanted = self.checked(values)
        async with self._database.transaction() as connection:
            store = SettingStore(connection)
            await store.lock()
            before = {setting.entry.name: setting for setting in await self._all(connection)}
            require_unchanged([before[name] for name in wanted], seen or {})
            for name, value in wanted.items():
                if value is not None or before[name].changed_at is not None:
                    await store.set(name, value, by=actor.name, at=self._clock.now())
            after = [
                setting
                for setting in await self._all(connection)
                if not setting.is_like(before[setting.entry.name])
            ]
            for setting in after:
                await record(connection, actor, _event(before[setting.entry.name], setting))
        return after

    async def _all(self, connection: Connection) -> list[Setting]:
        entries, defaults = self._entries, self._defaults
        stored = await SettingStore(connection).stored([entry.name for entry in entries])
        return [setting_of(entry, stored.get(entry.name), defaults) for entry in entries]


def require_unchanged(found: list[Setting], seen: Mapping[str, str]) -> None:
    """Raise SettingChangedError if one has another value than the one that was seen."""
    for setting in found:
        name = setting.entry.name
        if name in seen and seen[name] != setting.text:
            raise SettingChangedError(
                name=name,
                title=setting.entry.title,
                value=setting.text,
                by=setting.changer or "the environment",
            )


def _event(before: Setting, after: Setting) -> AuditEvent:
    detail: dict[str, str | int] = {
        "from": _in_audit(before.value),
        "to": _in_audit(after.value),
        "source": str(after.source),
    }
    return AuditEvent(Action.SETTING_CHANGE, ObjectType.SETTING, after.entry.name, detail=detail)


def _in_audit(value: Value) -> str | int:
    return ", ".join(value) if isinstance(value, tuple) else value
