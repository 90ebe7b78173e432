"""A check asks one question about the machine; a finding is its answer, with what to do next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from appliance.probes.model import ProbeResult, ProbeState


class State(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: a sentence for people, and what to do about it unless all is well."""

    state: State
    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One question. `ask` may raise and may hang: `examine` makes a finding of both.

    `as_root` says that only root can see the answer.
    """

    name: str
    ask: Callable[[], Awaitable[Finding]]
    limit: float = 10.0
    as_root: bool = False


@dataclass(frozen=True, slots=True)
class Examined:
    """A check's name with its finding."""

    check: str
    finding: Finding

    def as_json(self) -> dict[str, str]:
        """Return the shape that `cloister doctor --json` prints."""
        found = self.finding
        return {
            "check": self.check,
            "state": found.state,
            "sentence": found.sentence,
            "hint": found.hint,
        }


def fine(sentence: str) -> Finding:
    """All is well."""
    return Finding(State.OK, sentence)


def warning(sentence: str, hint: str) -> Finding:
    """Cloister works, but somebody should know."""
    return Finding(State.WARNING, sentence, hint)


def failed(sentence: str, hint: str) -> Finding:
    """Something does not work, or does not hold."""
    return Finding(State.FAILED, sentence, hint)


def unknown(sentence: str, hint: str = "") -> Finding:
    """Nothing can be said here and now."""
    return Finding(State.UNKNOWN, sentence, hint)


def judged(reading: ProbeResult, subject: str, hint: str) -> Finding:
    """Return a probe's answer as a finding about `subject`."""
    if reading.state is ProbeState.OK:
        return fine(f"{subject}: {reading.sentence}")
    return failed(f"{subject}: {reading.sentence}", hint)
