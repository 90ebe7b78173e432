"""Observations with defaults: each test states only what it is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.model import Observation, Wish
from appliance.units.model import Unit, UnitState, UnitStatus
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


def seen(
    state: UnitState,
    *,
    wish: Wish = Wish.UP,
    unit: Unit | None = None,
    changed: float = NOW,
    exit_: str | None = None,
    **facts: object,
) -> Observation:
    """Return an observation of a unit whose state changed at `changed`."""
    status = UnitStatus(state, START, changed, exit=exit_)
    observation = Observation(unit=unit or a_unit(), status=status, wish=wish)
    return replace(observation, **facts)  # type: ignore[arg-type]


def reading(state: ProbeState, sentence: str = "answers 200") -> ProbeResult:
    return ProbeResult(state, sentence)
