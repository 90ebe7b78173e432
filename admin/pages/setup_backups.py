"""The step of the set-up for backups: a place elsewhere, the schedule, the recovery key."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin import keys
from admin.errors import RecoveryKeyNotProvedError
from admin.setup_view import Loaded, Saved, StepView
from appliance.actors.model import Actor
from appliance.backup_plan.facts import BackupFacts, read_facts
from appliance.backup_plan.wording import lacks
from appliance.core.settings import MOST_TARGETS
from appliance.repository.key_files import KeyFile
from appliance.settings.errors import SettingInvalidError
from appliance.settings.model import BACKUP_TIME, Setting
from appliance.settings.service import OperatorSettings
from appliance.web.forms import Form


@dataclass(frozen=True, slots=True)
class BackupsStep:
    """What is known of backups. `lacks` says what does not protect this machine."""

    facts: BackupFacts
    key: KeyFile | None
    lacks: tuple[str, ...]
    time: Setting
    most_targets: int = MOST_TARGETS


async def load(request: web.Request) -> Loaded:
    """Show the places, the time and the key as they are."""
    facts, settings = await read_facts(request.app[keys.SETTINGS]), _settings(request)
    time = await request.app[keys.BREAKER].ask(lambda: settings.get(BACKUP_TIME.name))
    key = facts.catalog.recovery_key if facts.catalog else None
    content = BackupsStep(facts, key, lacks(facts), time)
    return Loaded(Form({BACKUP_TIME.name: time.text}), content)


async def save(request: web.Request, actor: Actor, form: Form) -> Saved:
    """Keep the time; the step is done as soon as the recovery key was proved.

    Raises RecoveryKeyNotProvedError.
    """
    try:
        wanted = BACKUP_TIME.parse(form.value(BACKUP_TIME.name))
    except SettingInvalidError:
        form.fail(BACKUP_TIME.name, f"Please give a time {BACKUP_TIME.bounds}.")
        return Saved(is_done=False)
    before = await _settings(request).get(BACKUP_TIME.name)
    if wanted != before.value:
        await request.app[keys.CHANGES].change(actor, {BACKUP_TIME.name: wanted})
    facts = await read_facts(request.app[keys.SETTINGS])
    if not facts.key_is_proven:
        raise RecoveryKeyNotProvedError
    return Saved()


def _settings(request: web.Request) -> OperatorSettings:
    return request.app[keys.OPERATOR_SETTINGS]


VIEW = StepView(load, save)
