"""What a set-up file would change on this machine. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from appliance.accounts.model import Account
from appliance.actors.permissions import Permission
from appliance.core.settings import MOST_TARGETS
from appliance.llm.choice import Chosen, Purpose, find
from appliance.llm.model import InstalledModel
from appliance.offsite.entry import target_from
from appliance.offsite.errors import TargetInvalidError
from appliance.offsite.model import Target
from appliance.settings.model import Setting
from appliance.setup.file import MODELS, SETTINGS, TARGETS, Fault, FileProblem, SetupFile
from appliance.setup.model import Progress, Step, StepState


class ChangeKind(StrEnum):
    """What is done to a part of the machine. The values are in the output for programs."""

    ADD_OPERATOR = "add_operator"
    MAKE_OPERATOR = "make_operator"
    SET = "set"
    USE_MODEL = "use_model"
    ADD_TARGET = "add_target"
    CHANGE_TARGET = "change_target"
    FINISH_STEP = "finish_step"
    SKIP_STEP = "skip_step"


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `subject` is a name; `before` and `after` are values as people write them."""

    kind: ChangeKind
    subject: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Present:
    """The machine as it is. `installed` is None where no model runner answers."""

    accounts: Sequence[Account]
    chosen: Chosen
    installed: Sequence[InstalledModel] | None
    settings: Sequence[Setting]
    targets: Sequence[Target]
    progress: Progress


def changes_of(file: SetupFile, present: Present) -> tuple[Change, ...]:
    """Return what differs, in the order in which it is changed."""
    return (
        *_operators(file, present),
        *_models(file, present),
        *_targets(file, present),
        *_steps(file, present),
        # The last ones: some of them restart the supervisor.
        *_settings(file, present),
    )


def problems_of(file: SetupFile, present: Present) -> tuple[FileProblem, ...]:
    """Return what of the file this machine cannot do."""
    return (
        *_setting_problems(file, present),
        *_model_problems(file, present),
        *_target_problems(file, present),
    )


def target_named(name: str, targets: Sequence[Target]) -> Target | None:
    """Return the target with a name, of those that copies go to."""
    return next((each for each in targets if each.name == name and not each.restores_only), None)


def _operators(file: SetupFile, present: Present) -> Iterator[Change]:
    known = {account.name: account for account in present.accounts}
    for wanted in file.operators:
        account = known.get(wanted.name)
        if account is None:
            yield Change(ChangeKind.ADD_OPERATOR, wanted.name, after=wanted.display_name)
        elif not account.may(Permission.USE_CONSOLE):
            yield Change(ChangeKind.MAKE_OPERATOR, wanted.name)


def _settings(file: SetupFile, present: Present) -> Iterator[Change]:
    for setting in present.settings:
        entry = setting.entry
        wanted = file.settings.get(entry.name)
        if wanted is not None and wanted != setting.value:
            yield Change(ChangeKind.SET, entry.name, setting.text, entry.written(wanted))


def _models(file: SetupFile, present: Present) -> Iterator[Change]:
    for purpose, name in file.models.items():
        before = present.chosen.name_for(purpose)
        model = find(name, present.installed or ())
        wanted = model.name if model else name
        if wanted != before:
            yield Change(ChangeKind.USE_MODEL, purpose, before or "", wanted)


def _targets(file: SetupFile, present: Present) -> Iterator[Change]:
    for fields in file.targets:
        before = target_named(fields["name"].strip(), present.targets)
        try:
            after = target_from(before.number if before else 0, fields, before)
        except TargetInvalidError:
            continue
        if before is None:
            yield Change(ChangeKind.ADD_TARGET, after.name, after=after.place)
        elif before != after:
            yield Change(ChangeKind.CHANGE_TARGET, after.name, before.place, after.place)


def _steps(file: SetupFile, present: Present) -> Iterator[Change]:
    done = [step for step, is_given in _given(file).items() if is_given]
    for step in Step:
        state = present.progress.state(step)
        if step in done and state is not StepState.DONE:
            yield Change(ChangeKind.FINISH_STEP, step)
        elif step in file.skip and step not in done and state is StepState.OPEN:
            yield Change(ChangeKind.SKIP_STEP, step)


def _given(file: SetupFile) -> Mapping[Step, bool]:
    """Say which steps the file does; backups need a key that a person types back, as well."""
    return {
        Step.START: bool(file.operators),
        Step.OPERATORS: bool(file.operators),
        Step.MODELS: bool(file.models),
    }


def _setting_problems(file: SetupFile, present: Present) -> Iterator[FileProblem]:
    """Find settings that another kind of installation has."""
    known = [setting.entry.name for setting in present.settings]
    for name in file.settings:
        if name not in known:
            possible = {"possible": ", ".join(known)}
            yield FileProblem(f"{SETTINGS}.{name}", Fault.UNKNOWN, possible)


def _model_problems(file: SetupFile, present: Present) -> Iterator[FileProblem]:
    for purpose, name in file.models.items():
        where = f"{MODELS}.{purpose}"
        if present.installed is None:
            # What is chosen already needs no runner.
            if name != present.chosen.name_for(purpose):
                yield FileProblem(where, Fault.RUNNER_SILENT)
        elif (model := find(name, present.installed)) is None:
            yield FileProblem(where, Fault.MODEL_MISSING, {"model": name})
        elif not Purpose(purpose).suits(model):
            yield FileProblem(where, Fault.MODEL_UNSUITABLE, {"model": name})


def _target_problems(file: SetupFile, present: Present) -> Iterator[FileProblem]:
    added = 0
    for at, fields in enumerate(file.targets, 1):
        before = target_named(fields["name"].strip(), present.targets)
        added += before is None
        try:
            target_from(before.number if before else 0, fields, before)
        except TargetInvalidError as error:
            for name, sentence in error.fields.items():
                yield FileProblem(f"{TARGETS}[{at}].{name}", Fault.REFUSED, {"reason": sentence})
    if len(present.targets) + added > MOST_TARGETS:
        yield FileProblem(TARGETS, Fault.TOO_MANY_TARGETS, {"most": str(MOST_TARGETS)})
