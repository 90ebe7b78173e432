"""What the headline of the overview says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from admin.database_breaker import Partial
from admin.machine import Facts
from admin.verdict import Tone, judge
from appliance.core.errors import DatabaseUnavailableError
from appliance.library.model import QueueCounts
from appliance.llm.choice import Chosen
from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.model import Phase
from tests.builders.models import CHAT
from tests.fakes.units import READY

FINE = ProbeResult(ProbeState.OK, "plenty")
FACTS = Facts(
    disk=FINE,
    memory=FINE,
    counts=Partial(QueueCounts()),
    chosen=Partial(Chosen()),
    models=Partial([CHAT]),
    loaded=Partial([]),
)


def test_everything_runs() -> None:
    verdict = judge([READY, replace(READY, name="migrate", phase=Phase.DONE)], FACTS)
    assert (verdict.tone, verdict.headline) == (Tone.GOOD, "Everything runs")
    assert verdict.findings == ()


@pytest.mark.parametrize(
    ("phase", "tone"),
    [
        (Phase.WAITING, Tone.BUSY),
        (Phase.STARTING, Tone.BUSY),
        (Phase.STOPPING, Tone.BUSY),
        (Phase.STOPPED, Tone.WARN),
        (Phase.FAILING, Tone.BAD),
        (Phase.FAILED, Tone.BAD),
        (Phase.GAVE_UP, Tone.BAD),
    ],
)
def test_each_phase_has_its_tone(phase: Phase, tone: Tone) -> None:
    verdict = judge([replace(READY, phase=phase, reason="because")], FACTS)
    assert verdict.tone is tone
    assert "because" in verdict.findings[0].sentence


def test_the_worst_comes_first() -> None:
    units = [replace(READY, phase=Phase.STARTING), replace(READY, phase=Phase.FAILED)]
    facts = replace(FACTS, disk=ProbeResult(ProbeState.FAILED, "3 MiB free (0%)"))
    verdict = judge(units, facts)
    assert verdict.headline == "2 things are wrong"
    assert [f.tone for f in verdict.findings] == [Tone.BAD, Tone.BAD, Tone.BUSY]


def test_short_memory_is_a_warning() -> None:
    verdict = judge([READY], replace(FACTS, memory=ProbeResult(ProbeState.FAILED, "9 MiB")))
    assert (verdict.tone, verdict.headline) == (Tone.WARN, "Runs, but look at this")


def test_a_silent_database_is_bad_even_if_its_unit_runs() -> None:
    facts = replace(FACTS, counts=Partial(problem=DatabaseUnavailableError()))
    assert judge([READY], facts).tone is Tone.BAD


def test_no_model_is_said_but_nothing_wrong() -> None:
    verdict = judge([READY], replace(FACTS, models=Partial([])))
    assert verdict.tone is Tone.GOOD
    assert "quoted" in verdict.findings[0].sentence
