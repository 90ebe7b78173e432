"""The units of a machine: what systemd says of them, and what the supervisor says."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.machines.machine import Machine
from tests.machines.programs import wait_until

# Every service that runs for as long as the appliance does, by the unit that it is.
SERVICES = {
    "postgres": "cloister-postgres.service",
    "ingest": "cloister-ingest.service",
    "webchat@1": "cloister-webchat@1.service",
    "nginx": "cloister-nginx.service",
    "ollama": "cloister-ollama.service",
    "ollama-proxy": "cloister-ollama-proxy.service",
    "supervisor": "cloister.service",
}
SOCKET = "run/cloister/control/control.sock"


class Units:
    """Looks at the units of one machine, and ends their processes."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def pid(self, unit: str) -> int:
        """The main process of a unit, as the machine counts; 0 when it does not run."""
        show = f"systemctl show --property=MainPID --value {SERVICES[unit]}"
        return int(self._machine.run(show).stdout)

    def control_group(self, unit: str) -> str:
        """The path of a unit's control group."""
        show = f"systemctl show --property=ControlGroup --value {SERVICES[unit]}"
        return self._machine.run(show).stdout.strip()

    def pids(self, *except_for: str) -> dict[str, int]:
        """The main process of every unit, but for those that are named."""
        return {unit: self.pid(unit) for unit in SERVICES if unit not in except_for}

    def kill(self, unit: str) -> int:
        """End a unit's main process by force, and return which one that was."""
        pid = self.pid(unit)
        assert pid, f"{unit} does not run"
        self._machine.run(f"kill -9 {pid}")
        return pid

    def told(self, unit: str) -> dict[str, Any]:
        """What the supervisor knows of a unit of its own."""
        return self._ask(f"/units/{unit}")

    @property
    def all_ready(self) -> bool:
        """Whether there is a supervisor, and it says that every unit serves."""
        try:
            return bool(self._ask("/units")["ready"])
        except OSError:
            return False

    def wait_for(self, unit: str, state: str, seconds: float = 30) -> dict[str, Any]:
        """Wait until the supervisor says that a unit is in a state, and return the unit."""
        wait_until(lambda: self.told(unit)["state"] == state, f"{unit} is {state}", seconds)
        return self.told(unit)

    def wait_until_all_ready(self, seconds: float = 30) -> None:
        wait_until(lambda: self.all_ready, "all units serve", seconds)

    def wait_for_a_decision(self) -> None:
        """Return when the supervisor has put something right that happened after this call.

        What it has left alone until then, it leaves alone.
        """
        pid = self.kill("ingest")
        wait_until(lambda: self.pid("ingest") not in {0, pid}, "ingest was started again", 15)
        self.wait_for("ingest", "ready")

    def _ask(self, path: str) -> dict[str, Any]:
        # The machine's own /run, seen from outside, without starting a program for each question.
        address = Path(f"/proc/{self._machine.process().pid}/root", SOCKET)
        with socket.socket(socket.AF_UNIX) as connected, closing(HTTPConnection("control")) as http:
            connected.settimeout(10)
            connected.connect(str(address))
            http.sock = connected
            http.request("GET", path)
            answer = http.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        assert answer.status == HTTPStatus.OK, found
        return found
