"""The processes of one booted machine: systemd-nspawn on the host, and the init that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from tests.machines.control_group import ControlGroup
from tests.machines.programs import MachineError, wait_until

POWER_OFF = signal.SIGRTMIN + 4
ENVIRONMENT = (
    *("env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    *("HOME=/root", "LANG=C.UTF-8", "TERM=dumb"),
)


class Init:
    """Starts a machine's init, enters its namespaces, and ends it in several ways."""

    def __init__(self, command: tuple[str, ...], group: ControlGroup, console: Path) -> None:
        # Without a control group of its own, nspawn would put every machine into the same one.
        group.create()
        self._group = group
        self._console = console
        environment = {
            **os.environ,
            "UNIFIED_CGROUP_HIERARCHY": "1",
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        }
        with console.open("ab") as output:
            # A session of its own: Ctrl-C is for the test run, which then stops its machines.
            self._nspawn = subprocess.Popen(
                group.entering(*command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        self.pid = 0

    def wait_for_bus(self) -> None:
        """Return when init answers to systemctl."""
        wait_until(self._find, "an init was started", 20)
        root = Path(f"/proc/{self.pid}/root")
        wait_until((root / "run/systemd/private").exists, "systemd answers", 20)

    def enter(self, *command: str) -> tuple[str, ...]:
        """The command, to be run inside the machine with full privilege."""
        inside = ("nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C")
        return (*inside, *ENVIRONMENT, *command)

    @property
    def is_running(self) -> bool:
        return self._nspawn.poll() is None

    def power_off(self, seconds: float = 90) -> None:
        """Stop all services in order, and then the machine."""
        os.kill(self.pid, POWER_OFF)
        self.wait(seconds)

    def kill(self) -> None:
        """End every process of the machine at once."""
        self._group.end()
        self.wait(20)

    def wait(self, seconds: float) -> None:
        """Return when the machine is off."""
        try:
            self._nspawn.wait(seconds)
        except subprocess.TimeoutExpired:
            raise MachineError(f"the machine is still on after {seconds:g} s") from None
        self._group.end()

    def _find(self) -> bool:
        if not self.is_running:
            raise MachineError(f"nspawn ended at once: {self._console.read_text()}")
        # Of nspawn's children, init is the one that calls itself process 1.
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        for child in children.read_text().split():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{child}/status").read_text()
                names = next(line for line in status.splitlines() if line.startswith("NSpid:"))
                if names.split()[-1] == "1":
                    self.pid = int(child)
        return self.pid != 0
