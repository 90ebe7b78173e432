"""How the whole machine is, in one sentence and its reasons. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from admin.machine import Facts
from appliance.probes.model import ProbeState
from appliance.supervisor.model import Phase, UnitView


class Tone(StrEnum):
    """How a verdict is meant, from best to worst."""

    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"


_ORDER = (Tone.BAD, Tone.WARN, Tone.BUSY, Tone.GOOD)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the operator should know."""

    tone: Tone
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The headline, and what it rests on, the worst first."""

    tone: Tone
    headline: str
    findings: tuple[Finding, ...]


def judge(units: Sequence[UnitView], facts: Facts) -> Verdict:
    """Return what the headline of the overview says."""
    found = [finding for unit in units if (finding := _about_unit(unit))]
    found += _about_machine(facts)
    found.sort(key=lambda finding: _ORDER.index(finding.tone))
    tone = found[0].tone if found else Tone.GOOD
    return Verdict(tone, _headline(tone, found), tuple(found))


def _headline(tone: Tone, found: Sequence[Finding]) -> str:
    count = sum(finding.tone is tone for finding in found)
    match tone:
        case Tone.BAD:
            return "Something is wrong" if count == 1 else f"{count} things are wrong"
        case Tone.WARN:
            return "Runs, but look at this"
        case Tone.BUSY:
            return "Cloister is starting"
        case Tone.GOOD:
            return "Everything runs"


def _about_unit(unit: UnitView) -> Finding | None:
    sentence = f"{unit.name} {_PREDICATES[unit.phase]}: {unit.reason}"
    match unit.phase:
        case Phase.READY | Phase.DONE:
            return None
        case Phase.WAITING | Phase.STARTING | Phase.STOPPING:
            return Finding(Tone.BUSY, sentence)
        case Phase.STOPPED:
            return Finding(Tone.WARN, sentence)
        case Phase.FAILING | Phase.FAILED | Phase.GAVE_UP:
            return Finding(Tone.BAD, sentence)


_PREDICATES = {
    Phase.READY: "serves",
    Phase.DONE: "is done",
    Phase.WAITING: "waits",
    Phase.STARTING: "starts",
    Phase.STOPPING: "stops",
    Phase.STOPPED: "is stopped",
    Phase.FAILING: "does not answer well",
    Phase.FAILED: "failed",
    Phase.GAVE_UP: "is not started any more",
}


def _about_machine(facts: Facts) -> list[Finding]:
    found = []
    if facts.disk.state is ProbeState.FAILED:
        found.append(Finding(Tone.BAD, f"The disk is nearly full: {facts.disk.sentence}"))
    if facts.memory.state is ProbeState.FAILED:
        found.append(Finding(Tone.WARN, f"Memory is short: {facts.memory.sentence}"))
    if facts.counts.problem is not None:
        found.append(Finding(Tone.BAD, facts.counts.problem.message))
    chat = facts.models.value is not None and any(m.can_chat for m in facts.models.value)
    if not chat:
        sentence = "No model answers at the moment: the best passages are quoted instead."
        found.append(Finding(Tone.GOOD, sentence))
    return found
