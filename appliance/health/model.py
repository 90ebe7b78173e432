"""A check asks one question about the machine; its results together say how the machine is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from appliance.health.remedies import Remedy


class CheckState(StrEnum):
    """How a result is meant.

    BUSY passes without an action. WARNING: Cloister serves, but with less, or not for long.
    """

    OK = "ok"
    BUSY = "busy"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "not checked"

    @property
    def is_ready(self) -> bool:
        """Whether the machine serves as far as this result is concerned."""
        return self not in {CheckState.BUSY, CheckState.FAILED}


# The state of a machine is that of its first result in this order.
_WORST_FIRST = (
    CheckState.FAILED,
    CheckState.BUSY,
    CheckState.WARNING,
    CheckState.UNKNOWN,
    CheckState.OK,
)


class CheckId(StrEnum):
    """What the checks are called on the command line and in JSON."""

    SUPERVISOR = "supervisor"
    SERVICES = "services"
    DATABASE = "database"
    SCHEMA = "schema"
    CHECKSUMS = "checksums"
    DOCUMENTS = "documents"
    FILES = "files"
    MODEL_RUNNER = "model runner"
    MODELS = "models"
    DOCUMENT_READER = "document reader"
    BACKUPS = "backups"
    AUDIT = "audit"
    DISK_SPACE = "disk"
    MEMORY = "memory"
    CLOCK = "time"
    WEB_SERVER = "web server"
    CERTIFICATE = "certificate"
    ACME = "acme"
    PORTS = "ports"
    OTHER_SERVICES = "other services"
    FIREWALL = "firewall"
    NETWORKS = "networks"
    PACKAGE = "package"
    FOLDERS = "folders"
    SETTINGS = "settings"
    PARSERS = "parsers"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found: a sentence for operators, and what to do unless all is well.

    `hint` explains, `remedy` can be carried out. `degrades` says that something which was set up
    does not work, although people are served without it: then the machine is not ready either.
    """

    id: str
    state: CheckState
    sentence: str
    hint: str = ""
    remedy: Remedy | None = None
    degrades: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether everything that was set up works, as far as this result is concerned."""
        return self.state.is_ready and not self.degrades

    @property
    def is_problem(self) -> bool:
        """Whether a person should read it."""
        return self.state not in {CheckState.OK, CheckState.UNKNOWN}

    def as_json(self) -> dict[str, str]:
        """Return the shape that `cloister doctor --json` and the control socket print."""
        return {
            "check": self.id,
            "state": self.state,
            "sentence": self.sentence,
            "hint": self.hint,
            "remedy": self.remedy.command if self.remedy else "",
        }


Answer = CheckResult | list[CheckResult]


@dataclass(frozen=True, slots=True)
class Check:
    """One question. `ask` may raise and may hang: `run_checks` makes a result of both.

    `as_root` says that only root can see the answer.
    """

    id: str
    ask: Callable[[], Awaitable[Answer]]
    limit: float = 10.0
    as_root: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """The results of all checks, in the order in which they were asked."""

    results: tuple[CheckResult, ...]

    @property
    def state(self) -> CheckState:
        """The state of the worst result."""
        return min((result.state for result in self.results), key=_rank, default=CheckState.UNKNOWN)

    @property
    def is_ready(self) -> bool:
        """Whether everything that was set up works; commands and monitors go by this."""
        return all(result.is_ready for result in self.results)

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        """What a person should read, the worst first."""
        found = (result for result in self.results if result.is_problem)
        return tuple(sorted(found, key=lambda result: _rank(result.state)))

    @property
    def headline(self) -> str:
        """The whole in a few words."""
        match self.state:
            case CheckState.FAILED:
                return _count_of_failures(self.results)
            case CheckState.BUSY:
                return "Not everything has started yet"
            case CheckState.WARNING:
                return "Runs, but look at this"
            case CheckState.OK:
                return "Everything runs"
            case CheckState.UNKNOWN:
                return "Not everything could be checked"

    @property
    def line(self) -> str:
        """The headline with the sentences of the worst results, on one line."""
        worst = [result.sentence for result in self.problems if result.state is self.state]
        return f"{self.headline}: {' '.join(worst)}" if worst else self.headline

    def as_json(self) -> dict[str, object]:
        """Return the shape that the control socket answers at /health."""
        return {
            "ready": self.is_ready,
            "state": self.state,
            "headline": self.headline,
            "problems": [problem.as_json() for problem in self.problems],
        }


def _rank(state: CheckState) -> int:
    return _WORST_FIRST.index(state)


def _count_of_failures(results: Iterable[CheckResult]) -> str:
    count = sum(result.state is CheckState.FAILED for result in results)
    return "Something is wrong" if count == 1 else f"{count} things are wrong"


def ok(check: str, sentence: str) -> CheckResult:
    """All is well."""
    return CheckResult(check, CheckState.OK, sentence)


def busy(check: str, sentence: str, hint: str = "") -> CheckResult:
    """Return a result that passes without an action."""
    return CheckResult(check, CheckState.BUSY, sentence, hint)


def warning(
    check: str,
    sentence: str,
    hint: str,
    remedy: Remedy | None = None,
    *,
    degrades: bool = False,
) -> CheckResult:
    """Cloister serves, but an operator should know."""
    return CheckResult(check, CheckState.WARNING, sentence, hint, remedy, degrades)


def failed(check: str, sentence: str, hint: str, remedy: Remedy | None = None) -> CheckResult:
    """Something does not work, or does not hold."""
    return CheckResult(check, CheckState.FAILED, sentence, hint, remedy)


def unknown(check: str, sentence: str, hint: str = "") -> CheckResult:
    """Nothing can be said here and now."""
    return CheckResult(check, CheckState.UNKNOWN, sentence, hint)
