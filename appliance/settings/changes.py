"""Change settings: at once, by a restart, or on trial."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.settings.entry import Value
from appliance.settings.model import Setting
from appliance.settings.service import OperatorSettings, Values, require_unchanged
from appliance.settings.starting import StartSettings, Texts, texts_for
from appliance.settings.trialled import facts_of
from appliance.settings.word_entry import as_variable
from appliance.trial.errors import TrialRunningError
from appliance.trial.model import Trial, TrialKind
from appliance.trial.service import Trials

logger = logging.getLogger(__name__)

# A value that the file of the start lacks, after a restore for example, is found after this time.
_FOLLOW_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change: what is stored, and what is on trial, with the settings after it."""

    settings: tuple[Setting, ...] = ()
    trial: Trial | None = None
    after: Settings | None = None
    restarts: bool = False


class SettingChanges:
    """The one way to change settings: it brings them to the processes that use them.

    1. What the processes follow is stored in the database, and counts at once.
    2. What the start needs is stored in the database, then in the file of the start; then the
       supervisor restarts, and with it what reads the value.
    3. What can shut the operator out is in the file of the start alone until it is confirmed.
    """

    def __init__(
        self, settings: OperatorSettings, start: StartSettings, trials: Trials, clock: Clock
    ) -> None:
        self._settings = settings
        self._start = start
        self._trials = trials
        self._clock = clock
        self._changing = asyncio.Lock()

    async def change(
        self, actor: Actor, values: Values, *, seen: Mapping[str, str] | None = None
    ) -> Changed:
        """Set entries; None resets one. `seen` is what the actor saw before.

        Raises what `OperatorSettings.change` raises, TrialRunningError and StartFileError.
        """
        actor.require(Permission.CHANGE_SETTINGS)
        wanted = self._settings.checked(values)
        async with self._changing:
            found = {setting.entry.name: setting for setting in await self._settings.all()}
            require_unchanged([found[name] for name in wanted], seen or {})
            self._require_no_trial([found[name] for name in wanted])
            tried = {
                name: value for name, value in wanted.items() if _needs_trial(found[name], value)
            }
            stored = {name: value for name, value in wanted.items() if name not in tried}
            changed = await self._settings.change(actor, stored, seen=seen) if stored else []
            if not any(found[name].entry.at_start for name in wanted):
                return Changed(tuple(changed))
            texts = texts_for(await self._settings.all())
            if not tried:
                await self._start.write(texts)
                return Changed(tuple(changed), restarts=self._start.restart.is_set())
            return await self._try(actor, tuple(changed), tried, texts)

    async def _try(
        self, actor: Actor, changed: tuple[Setting, ...], tried: Values, texts: Texts
    ) -> Changed:
        variables = {name: self._settings.find(name).variable or "" for name in tried}
        new = {
            variables[name]: "" if value is None else as_variable(value)
            for name, value in tried.items()
        }
        before = {variable: texts.get(variable, "") for variable in new}
        trial = await self._trials.begin(TrialKind.SETTINGS, facts_of(actor, tried, before))
        try:
            await self._start.write({**texts, **new})
        except ApplianceError:
            await self._trials.undo_now()
            raise
        after = self._start.settings_with({**texts, **new})
        return Changed(changed, trial, after, restarts=True)

    async def follow(self) -> None:
        """Bring the file of the start to what the database has, at intervals, without end.

        It differs after a restore, and after a crash between the two.
        """
        fault = ""
        while True:
            try:
                await self.follow_once()
                fault = ""
            except ApplianceError as error:
                if error.message != fault:
                    logger.info("the file of the start is not compared: %s", error)
                fault = error.message
            except Exception:
                logger.exception("the file of the start is not compared")
            await self._clock.sleep(_FOLLOW_SECONDS)

    async def follow_once(self) -> None:
        """Compare once. Raises DatabaseUnavailableError and StartFileError."""
        async with self._changing:
            if self._trials.current() is None:
                texts = texts_for(await self._settings.all())
                # A trial of another process that has just been read counts as well.
                if self._trials.current() is None:
                    await self._start.write(texts)

    def _require_no_trial(self, wanted: Sequence[Setting]) -> None:
        if self._trials.current() and any(setting.entry.at_start for setting in wanted):
            raise TrialRunningError(seconds=self._trials.seconds_left())


def _needs_trial(setting: Setting, value: Value | None) -> bool:
    """Say whether a new value can shut the operator out: another one than now."""
    wanted = setting.fallback if value is None else value
    return setting.entry.on_trial and wanted != setting.value
