"""Observations with defaults: each test states only what it is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.desired_state import DesiredState, Request
from appliance.supervisor.model import Observation
from appliance.units.model import Ending, EndingKind, Origin, Unit, UnitState, UnitStatus
from tests.fakes.clock import START

NOW = 1000.0


class SilentProbe:
    async def read(self) -> ProbeResult:
        return ProbeResult(ProbeState.OK, "answers")


def a_unit(name: str = "ollama", **changes: object) -> Unit:
    unit = Unit(
        name=name,
        description="A unit",
        command=("true",),
        probe=SilentProbe(),
        directory=Path("/"),
        start_deadline=60.0,
    )
    return replace(unit, **changes)  # type: ignore[arg-type]


def killed(number: int = 9) -> Ending:
    return Ending(EndingKind.KILLED, signal=number)


def exited(code: int) -> Ending:
    return Ending(EndingKind.EXITED, code=code)


ANNA = Request("Anna", START)
OUTSIDE = Request("systemctl", START, outside=True)


def seen(
    state: UnitState,
    *,
    desired: DesiredState = DesiredState.RUNNING,
    unit: Unit | None = None,
    changed: float = NOW,
    ending: Ending | None = None,
    origin: Origin = Origin.SUPERVISOR,
    **facts: object,
) -> Observation:
    """Return an observation of a unit whose state changed at `changed`."""
    status = UnitStatus(state, START, changed, ending=ending, origin=origin)
    unit = unit or a_unit()
    observation = Observation(unit, status, desired=desired, last_ending=ending)
    return replace(observation, **facts)  # type: ignore[arg-type]


def reading(state: ProbeState, sentence: str = "answers 200") -> ProbeResult:
    return ProbeResult(state, sentence)
