"""The health of the machine as the console shows it: colours, and buttons for remedies. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from appliance.health.model import CheckState, Health
from appliance.health.remedies import (
    ChooseModels,
    FreeSpace,
    InstallRunner,
    OpenAcme,
    OpenBackups,
    ProveRecoveryKey,
    ReadLog,
    Remedy,
    RestartService,
    ReviewDocuments,
    RunCommand,
    StartJob,
    StartService,
)
from appliance.health.seen import seen_in_process
from appliance.health.service_words import (
    may_be_stopped_in_console,
    stopping_means,
    subject_of,
    title_of,
)
from appliance.supervisor.model import Phase, UnitView

_OnPage = (
    StartJob
    | ReviewDocuments
    | ChooseModels
    | InstallRunner
    | OpenBackups
    | ProveRecoveryKey
    | OpenAcme
)


class Tone(StrEnum):
    """The colour of a state."""

    GOOD = "good"
    CALM = "calm"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Action:
    """A button that posts, or a link."""

    label: str
    path: str
    is_post: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that the operator should know; `command` is for what the console cannot do."""

    tone: Tone
    sentence: str
    hint: str
    action: Action | None
    command: str


@dataclass(frozen=True, slots=True)
class OverviewHealth:
    """The headline, and what it rests on, the worst first."""

    tone: Tone
    headline: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class ServiceCard:
    """A service as the console shows it; without `may_stop` no button stops it.

    `subject` is what people call it within a sentence; `state` and `reason` are those of the
    supervisor, unless the service is held up by another one.
    """

    unit: UnitView
    title: str
    subject: str
    state: str
    reason: str
    tone: Tone
    stopping_means: str
    may_stop: bool


def overview_health(health: Health) -> OverviewHealth:
    """Return what the overview shows."""
    problems = tuple(
        Problem(
            _tone(result.state),
            result.sentence,
            result.hint,
            action_for(result.remedy),
            result.remedy.command if isinstance(result.remedy, FreeSpace | RunCommand) else "",
        )
        for result in health.problems
    )
    return OverviewHealth(_tone(health.state), health.headline, problems)


def action_for(remedy: Remedy | None) -> Action | None:
    """Return the button for a remedy, where the console has one."""
    match remedy:
        case StartService() | RestartService() | ReadLog():
            return _service_action(remedy)
        case FreeSpace() | RunCommand() | None:
            return None
        case _:
            return _page_action(remedy)


def _page_action(remedy: _OnPage) -> Action:
    match remedy:
        case StartJob(kind):
            return Action("Look at the job", f"/admin/jobs?kind={quote(kind, safe='')}")
        case ReviewDocuments():
            return Action("Show the documents", "/admin/ingest?state=failed")
        case ChooseModels():
            return Action("Choose models", "/admin/models")
        case InstallRunner():
            return Action("How to install one", "/admin/models")
        case OpenBackups() | ProveRecoveryKey() | OpenAcme():
            return _section_action(remedy)


def _section_action(remedy: OpenBackups | ProveRecoveryKey | OpenAcme) -> Action:
    match remedy:
        case OpenBackups():
            return Action("Look at the backups", "/admin/backups")
        case ProveRecoveryKey():
            return Action("Recovery key", "/admin/backups/key")
        case OpenAcme():
            return Action("Look at the authority", "/admin/tls/acme")


def _service_action(remedy: StartService | RestartService | ReadLog) -> Action:
    match remedy:
        case StartService(service):
            return Action("Start", _unit(service, "/start"), is_post=True)
        case RestartService(service):
            return Action("Restart", _unit(service, "/restart"), is_post=True)
        case ReadLog(service):
            return Action("Open the log", _unit(service))


def service_card(unit: UnitView, units: list[UnitView]) -> ServiceCard:
    """Return one of all the services as the console shows it."""
    seen = seen_in_process((unit, *units), ())
    service = seen.services[0]
    is_held_up = seen.is_held_up(service)
    return ServiceCard(
        unit=unit,
        title=title_of(unit.name),
        subject=subject_of(unit.name),
        state=seen.state_of(service),
        reason=seen.reason_of(service) if is_held_up or not unit.phase.is_healthy else "",
        tone=Tone.BUSY if is_held_up else _phase_tone(unit.phase),
        stopping_means=stopping_means(unit.name, [each.name for each in units]),
        may_stop=may_be_stopped_in_console(unit.name),
    )


def _unit(service: str, rest: str = "") -> str:
    return f"/admin/units/{quote(service, safe='')}{rest}"


def _tone(state: CheckState) -> Tone:
    match state:
        case CheckState.OK:
            return Tone.GOOD
        case CheckState.BUSY:
            return Tone.BUSY
        case CheckState.WARNING | CheckState.UNKNOWN:
            return Tone.WARN
        case CheckState.FAILED:
            return Tone.BAD


def _phase_tone(phase: Phase) -> Tone:
    if phase.is_healthy:
        return Tone.GOOD
    if phase.is_transient:
        return Tone.BUSY
    return Tone.CALM if phase.is_intended else Tone.BAD
