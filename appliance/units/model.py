"""A unit is one managed service: how it is started, asked and stopped."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from appliance.core.process import Command
from appliance.probes.model import Probe


class Kind(StrEnum):
    """Whether a unit is meant to run on, or to end well once."""

    SERVICE = "service"
    ONESHOT = "oneshot"


class UnitState(StrEnum):
    """What a driver knows about a unit's process."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"

    @property
    def active(self) -> bool:
        """Whether there is a process, or about to be one."""
        return self in {UnitState.STARTING, UnitState.RUNNING, UnitState.STOPPING}


async def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One managed service.

    `needs` must be ready before this one starts, and stop after it. `fronts` are units that this
    one passes requests on to: it starts without them, and stops before them. `prepare` runs
    before each start, and may refuse it by raising an ApplianceError. A oneshot has no probe.
    `program_files` are files whose replacement means that a running unit runs old code.
    """

    name: str
    description: str
    command: Command
    probe: Probe | None
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None
    needs: tuple[str, ...] = ()
    fronts: tuple[str, ...] = ()
    kind: Kind = Kind.SERVICE
    prepare: Callable[[], Awaitable[None]] = nothing
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace: float = 10.0
    start_deadline: float = 60.0
    probe_interval: float = 5.0
    program_files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """A service that is not there, and what to do about it."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnitStatus:
    """What a driver knows about a unit.

    `since` is when the state began, `changed` the monotonic time at which the driver learnt of
    it. `outside` says that somebody else brought the state about: a stop or a start that was
    asked of systemd, but not by us.
    """

    state: UnitState
    since: datetime
    changed: float
    pid: int | None = None
    exit: str | None = None
    outside: bool = False
