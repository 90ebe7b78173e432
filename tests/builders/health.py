"""Results of checks, without a machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from appliance.health.model import CheckId, CheckResult, Health, ok
from appliance.health.seen import Seen, Service
from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.model import Phase
from tests.fakes.clock import START

FINE = Health((ok(CheckId.SERVICES, "All services run."),))


async def healthy() -> dict[str, object]:
    """Answer as the control socket of a machine on which everything runs."""
    return FINE.as_json()


def reporting(*results: CheckResult) -> Callable[[], Awaitable[dict[str, object]]]:
    """Return what answers as the control socket of a machine with these results."""

    async def report() -> dict[str, object]:
        return Health(results).as_json()

    return report


def service(
    name: str,
    phase: Phase = Phase.READY,
    reason: str = "answers",
    stopped_by: str | None = None,
) -> Service:
    """Return a service as the supervisor sees it."""
    return Service(name, phase, START - timedelta(hours=3), reason, stopped_by)


def seen(*services: Service, **absent: str) -> Seen:
    """Return what the supervisor sees."""
    return Seen(services, absent)


def share_free(free: float) -> ProbeResult:
    """Return what a probe reads when this share of a finite thing is left."""
    state = ProbeState.OK if free > 0.1 else ProbeState.FAILED
    return ProbeResult(state, f"{free:.0%} left", taken=1 - free)
