"""Apply a set-up file, and write the one that would recreate this machine's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.accounts.people import People
from appliance.accounts.service import Accounts
from appliance.actors.model import Actor
from appliance.actors.permissions import Permission, Role
from appliance.backup_plan.targets import TargetPlan
from appliance.core.errors import ApplianceError
from appliance.llm.choice import Purpose
from appliance.llm.client import ModelRunner
from appliance.llm.service import ModelChoice
from appliance.offsite.model import Target
from appliance.settings.changes import SettingChanges
from appliance.settings.model import Source
from appliance.settings.service import OperatorSettings
from appliance.setup.file import (
    MODELS,
    OPERATORS,
    SETTINGS,
    SKIP,
    TARGETS,
    FileProblem,
    SetupFile,
    read_file,
)
from appliance.setup.model import Step
from appliance.setup.plan import (
    Change,
    ChangeKind,
    Present,
    changes_of,
    problems_of,
    target_named,
)
from appliance.setup.service import SetupService
from appliance.trial.model import Trial

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a file. With `problems` nothing was changed.

    `changes` are those that the file needs; the first `made` of them are made, and `failure` says
    what the next one met. `links` has a code for each operator who has to set a password. Settings
    that can shut the operator out are on `trial` until they are confirmed.
    """

    changes: tuple[Change, ...] = ()
    problems: tuple[FileProblem, ...] = ()
    made: int = 0
    failure: ApplianceError | None = None
    links: Mapping[str, str] | None = None
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class SetupFiles:
    """Compares a file with the machine, and changes what differs: doing it again changes nothing.

    Each method requires the permissions of what the file changes, and Permission.CREATE_CLAIM_CODE,
    since a file may add the first operator: the command line has all of them.
    """

    accounts: Accounts
    people: People
    operator_settings: OperatorSettings
    setting_changes: SettingChanges
    choice: ModelChoice
    runner: ModelRunner
    targets: TargetPlan
    setup: SetupService

    async def check(self, actor: Actor, values: Values) -> Outcome:
        """Say what the file would change, and everything that is wrong with it."""
        actor.require(Permission.CREATE_CLAIM_CODE)
        _, outcome = await self._compare(actor, values)
        return outcome

    async def apply(self, actor: Actor, values: Values) -> Outcome:
        """Change what differs, unless anything is wrong. A change that fails ends it."""
        actor.require(Permission.CREATE_CLAIM_CODE)
        file, outcome = await self._compare(actor, values)
        if outcome.problems:
            return outcome
        links: dict[str, str] = {}
        made, failure, trial = 0, None, None
        settings = {
            each.subject: file.settings[each.subject]
            for each in outcome.changes
            if each.kind is ChangeKind.SET
        }
        try:
            for change in outcome.changes[: len(outcome.changes) - len(settings)]:
                await self._make(actor, file, change, links)
                made += 1
            if settings:
                trial = (await self.setting_changes.change(actor, settings)).trial
                made += len(settings)
        except ApplianceError as error:
            failure = error
        return Outcome(outcome.changes, (), made, failure, links, trial)

    async def printed(self, actor: Actor) -> dict[str, object]:
        """Return what a file for this machine has, without any secret."""
        actor.require(Permission.CREATE_CLAIM_CODE)
        present = await self._present(actor)
        operators = [each for each in present.accounts if each.may(Permission.USE_CONSOLE)]
        models = {each: present.chosen.name_for(each) for each in Purpose}
        chosen = [each for each in present.settings if each.source is Source.OPERATOR]
        copied_to = [each for each in present.targets if not each.restores_only]
        return {
            SKIP: list(present.progress.skipped_steps),
            OPERATORS: [
                {"name": each.name, "display_name": each.display_name} for each in operators
            ],
            MODELS: {purpose: name for purpose, name in models.items() if name},
            SETTINGS: {each.entry.name: each.text for each in chosen},
            TARGETS: list(map(_public, copied_to)),
        }

    async def _compare(self, actor: Actor, values: Values) -> tuple[SetupFile, Outcome]:
        file, wrong = read_file(values)
        present = await self._present(actor)
        problems = (*wrong, *problems_of(file, present))
        return file, Outcome(() if problems else changes_of(file, present), problems)

    async def _present(self, actor: Actor) -> Present:
        try:
            installed = await self.runner.models()
        except ApplianceError:
            installed = None
        return Present(
            accounts=await self.people.all(actor),
            chosen=await self.choice.chosen(),
            installed=installed,
            settings=await self.operator_settings.all(),
            targets=await self.targets.kept.targets(),
            progress=await self.setup.progress(),
        )

    async def _make(
        self, actor: Actor, file: SetupFile, change: Change, links: dict[str, str]
    ) -> None:
        match change.kind:
            case ChangeKind.ADD_OPERATOR:
                await self._add_operator(actor, file, change.subject, links)
            case ChangeKind.MAKE_OPERATOR:
                account = await self.people.by_name(change.subject)
                await self.people.set_role(actor, account.id, Role.OPERATOR)
            case ChangeKind.SET:
                # Together, after all others.
                pass
            case ChangeKind.USE_MODEL:
                await self.choice.choose(actor, Purpose(change.subject), change.after)
            case ChangeKind.ADD_TARGET | ChangeKind.CHANGE_TARGET:
                await self._save_target(actor, file, change.subject)
            case ChangeKind.FINISH_STEP:
                await self.setup.finish(actor, Step(change.subject))
            case ChangeKind.SKIP_STEP:
                await self.setup.skip(actor, Step(change.subject))

    async def _add_operator(
        self, actor: Actor, file: SetupFile, name: str, links: dict[str, str]
    ) -> None:
        """Add a person with their password, as the holder of a claim code is; or with a link."""
        wanted = next(each for each in file.operators if each.name == name)
        if wanted.password is None:
            _, code = await self.people.add(actor, name, wanted.display_name, Role.OPERATOR)
            links[name] = code.text
            return
        code = await self.accounts.new_claim_code(actor)
        token = await self.accounts.claim(code.text, name, wanted.display_name, wanted.password)
        await self.accounts.sign_out(token.text)

    async def _save_target(self, actor: Actor, file: SetupFile, name: str) -> None:
        fields = next(each for each in file.targets if each["name"].strip() == name)
        before = target_named(name, await self.targets.kept.targets())
        await self.targets.save(actor, before.number if before else None, fields)


def _public(target: Target) -> dict[str, object]:
    """Return the fields of a target that are given, and whether a secret belongs to it."""
    names = ("name", "kind", "place", "user", "identity", "region", "limit", "opens", "closes")
    given = {name: getattr(target, name) for name in names if getattr(target, name)}
    return {**given, "has_secret": bool(target.secret)}
