"""Real units, drivers and supervisors for these tests."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.core.clock import SystemClock
from appliance.core.sd_notify import Notifier
from appliance.core.settings import Settings
from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.loop import Policy, Supervisor
from appliance.supervisor.model import Phase
from appliance.units.child import ChildProcessDriver
from appliance.units.directories import owned_directory
from appliance.units.driver import UnitDriver
from appliance.units.model import Unit
from appliance.units.systemd import SystemdDriver
from tests.fakes.systemd import FakeSystemd, message_bus
from tests.ports import free_port


def unprivileged_account() -> str:
    """Whom PostgreSQL runs as in a test: root may not."""
    return "nobody" if os.geteuid() == 0 else getpass.getuser()


@contextmanager
def temporary_home() -> Iterator[Settings]:
    """Lend a home with a short path, because the path of a socket may have 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="cl-"))
    folder.chmod(0o755)
    account = unprivileged_account()
    home = owned_directory(folder / "h", account)
    owned_directory(home / "run", account)
    owned_directory(home / "run" / "control", account)
    try:
        yield Settings(home=home, port=free_port(), account=account)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Answers:
    """A probe whose answer the test sets."""

    state: ProbeState = ProbeState.OK
    sentence: str = "answers"

    async def read(self) -> ProbeResult:
        return ProbeResult(self.state, self.sentence)


@dataclass
class Written:
    """Answers well when a unit has written its word."""

    file: Path
    word: str

    async def read(self) -> ProbeResult:
        written = await asyncio.to_thread(self._written)
        return ProbeResult(ProbeState.OK if written else ProbeState.NOT_READY, "answers")

    def _written(self) -> bool:
        return self.file.exists() and self.word in self.file.read_text()


def script(name: str, code: str, home: Path, **changes: object) -> Unit:
    """Return a unit that runs a few lines of Python."""
    unit = Unit(
        name=name,
        description=f"Test unit {name}",
        command=(sys.executable, "-u", "-c", code),
        probe=Answers(),
        directory=home,
        stop_grace=3.0,
        probe_interval=0.2,
    )
    return replace(unit, **changes)  # type: ignore[arg-type]


RELOADS = """
import signal, time
signal.signal(signal.SIGHUP, lambda *_: print("read again", flush=True))
print("here", flush=True)
while True:
    time.sleep(0.05)
"""
SLEEPER = "import time\nprint('here', flush=True)\ntime.sleep(600)"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPER}"
WITH_GRANDCHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('grandchild', child.pid, flush=True)\n"
    "time.sleep(600)"
)


async def until(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Wait for a condition; the error shows what was waited for."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] in {"Z", "X"}


def driver_of(units: tuple[Unit, ...], settings: Settings) -> ChildProcessDriver:
    return ChildProcessDriver(units, run=settings.run, logs=settings.logs, clock=SystemClock())


@asynccontextmanager
async def supervised(
    settings: Settings, *units: Unit, policy: Policy | None = None
) -> AsyncIterator[Supervisor]:
    """Run units under a supervisor of their own."""
    async with (
        driver_of(units, settings) as driver,
        supervisor_of(units, driver, settings, policy) as supervisor,
    ):
        yield supervisor


def supervisor_of(
    units: tuple[Unit, ...], driver: UnitDriver, settings: Settings, policy: Policy | None = None
) -> Supervisor:
    return Supervisor(
        units,
        driver,
        lock=settings.run / "supervisor.lock",
        clock=SystemClock(),
        notifier=Notifier(),
        policy=policy,
    )


class Machine:
    """A machine with systemd, on which supervisors come and go."""

    def __init__(self, units: tuple[Unit, ...], settings: Settings, address: str) -> None:
        self._settings = settings
        self.journal = settings.run / "journal"
        self.units = units
        self.address = address
        self.systemd = FakeSystemd(units, address=address, journal=self.journal)

    def driver(self) -> SystemdDriver:
        follow = ("sh", "-c", f"exec tail -n +1 -F {self.journal}", "journalctl")
        return SystemdDriver(self.units, clock=SystemClock(), address=self.address, program=follow)

    @asynccontextmanager
    async def supervised(self, policy: Policy | None = None) -> AsyncIterator[Supervisor]:
        async with (
            self.driver() as driver,
            supervisor_of(self.units, driver, self._settings, policy) as supervisor,
        ):
            yield supervisor


@asynccontextmanager
async def machine(settings: Settings, *units: Unit) -> AsyncIterator[Machine]:
    """Run a bus and a small systemd."""
    async with message_bus(settings.run) as address:
        made = Machine(units, settings, address)
        async with made.systemd:
            yield made


@asynccontextmanager
async def supervised_by_systemd(
    settings: Settings, *units: Unit, policy: Policy | None = None
) -> AsyncIterator[Supervisor]:
    """Run units as services of a systemd of their own."""
    async with machine(settings, *units) as made, made.supervised(policy) as supervisor:
        yield supervisor


def phase(supervisor: Supervisor, name: str) -> Phase:
    return supervisor.view(name).phase


def pid_of(supervisor: Supervisor, name: str) -> int:
    pid = supervisor.view(name).pid
    assert pid is not None
    return pid


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
