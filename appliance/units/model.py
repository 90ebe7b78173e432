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
    before each start, and may refuse it by raising an ApplianceError. `refresh` writes again what
    the running unit reads on the signal to reload. A oneshot has no probe.
    `program_files` are files whose replacement means that a running unit runs old code, and
    `variables` what it reads of the file of the start; `configured_at`, in seconds since 1970,
    is when that last changed.
    `behind_proxy` says that its callers reach it through a proxy which systemd stops with it.
    `log_format` says how its lines tell their urgency, where they do not tell journald.
    After the grace of a stop comes `last_signal`, which may be a less graceful one than SIGKILL.
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
    refresh: Callable[[], Awaitable[None]] = nothing
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace: float = 10.0
    last_signal: signal.Signals = signal.SIGKILL
    start_deadline: float = 60.0
    # Short: between two probes nothing notices that a unit hangs.
    probe_interval: float = 2.0
    program_files: tuple[Path, ...] = ()
    variables: tuple[str, ...] = ()
    configured_at: float | None = None
    behind_proxy: bool = False
    log_format: str | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A service that this machine does not have, and what the operator can do about it.

    `elsewhere` says that it runs on another machine.
    """

    name: str
    reason: str
    elsewhere: bool = False

    @property
    def state(self) -> str:
        """How lists show it, where they show the state of a service."""
        return "elsewhere" if self.elsewhere else "off"


class EndingKind(StrEnum):
    """How a run of a unit ended, or why there was none."""

    EXITED = "exited"
    KILLED = "killed"
    DUMPED = "dumped core"
    SETUP_FAILED = "setup failed"
    TIMED_OUT = "timed out"
    WATCHDOG = "watchdog"
    OUT_OF_MEMORY = "out of memory"
    NEVER_READY = "never ready"
    START_LIMIT = "start limit"
    NO_RESOURCES = "no resources"
    NOT_PREPARED = "not prepared"
    REFUSED = "refused"
    CONDITION_UNMET = "condition unmet"
    ASSERTION_FAILED = "assertion failed"
    DEPENDENCY_FAILED = "dependency failed"
    START_CANCELED = "start canceled"
    START_TIMED_OUT = "start timed out"
    LOST = "lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a run.

    `code` is the exit code of EXITED and SETUP_FAILED, `signal` the number of the signal of KILLED
    and DUMPED. `detail` is what the other side said about it: it is shown, and decides nothing.
    """

    kind: EndingKind
    code: int | None = None
    signal: int | None = None
    detail: str = ""

    @classmethod
    def of_exit(cls, returncode: int) -> Ending:
        """Return the ending that an exit status means; a negative one is the number of a signal."""
        if returncode < 0:
            return cls(EndingKind.KILLED, signal=-returncode)
        return cls(EndingKind.EXITED, code=returncode)


class Origin(StrEnum):
    """Who brought a unit's state about.

    SUPERVISOR: it asked for it. SYSTEMCTL: a job of systemd did that the supervisor did not ask
    for. UNIT: there was no request; the unit's process ended, or its socket started it again after
    that.
    """

    SUPERVISOR = "supervisor"
    SYSTEMCTL = "systemctl"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class UnitStatus:
    """What a driver knows about a unit.

    `since` is when the state began, `changed` the monotonic time at which the driver learnt of
    it. `revivals` counts how often the unit began to run again after its own end without being
    asked, since the driver was made.
    """

    state: UnitState
    since: datetime
    changed: float
    pid: int | None = None
    ending: Ending | None = None
    origin: Origin = Origin.SUPERVISOR
    revivals: int = 0
