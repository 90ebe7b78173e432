"""Is another program on Cloister's ports, or does Debian's own service run beside Cloister's?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from appliance.core.process import run
from appliance.health.model import Check, CheckId, CheckResult, failed, ok, unknown, warning
from appliance.health.processes import PROC, Listener, Process, listeners
from appliance.health.remedies import RunCommand

PORTS = frozenset({80, 443})
# Systemd holds the sockets, and the web server inherits them.
OWN_SERVICE = "cloister-nginx.service"
OTHERS = ("nginx.service", "apache2.service", "postgresql@*.service")


def port_checks(proc: Path = PROC) -> list[Check]:
    """Return the checks; only root may see which process holds a socket."""

    async def ports() -> CheckResult:
        return evaluate_listeners(await asyncio.to_thread(listeners, PORTS, proc))

    async def services() -> CheckResult:
        command = ("systemctl", "list-units", "--plain", "--no-legend", "--state=active")
        finished = await run((*command, *OTHERS), timeout=5.0)
        if not finished.succeeded:
            return unknown(CheckId.OTHER_SERVICES, "systemd does not answer.")
        return evaluate_other_services(finished.stdout.decode())

    return [
        Check(CheckId.PORTS, ports, as_root=True),
        Check(CheckId.OTHER_SERVICES, services),
    ]


def evaluate_listeners(found: Iterable[Listener]) -> CheckResult:
    """Say which processes hold the ports of the web server. Pure."""
    found = list(found)
    conflicts = sorted(
        {
            f"port {listener.port} is in use by {process.name} (process {process.pid})"
            for listener in found
            for process in listener.holders
            if not _is_ours(process)
        }
    )
    if conflicts:
        hint = "Stop and disable that program, then restart Cloister."
        sentence = "; ".join(conflicts)
        remedy = RunCommand("systemctl restart cloister.target")
        return failed(CheckId.PORTS, f"{sentence[0].upper()}{sentence[1:]}.", hint, remedy)
    if unused := sorted(PORTS - {listener.port for listener in found}):
        ports = " and ".join(map(str, unused))
        remedy = RunCommand("systemctl restart cloister-nginx.socket")
        hint = "Open the sockets again; `systemctl status cloister-nginx.socket` says more."
        return failed(CheckId.PORTS, f"No program listens on port {ports}.", hint, remedy)
    return ok(CheckId.PORTS, "Ports 80 and 443 belong to Cloister alone.")


def _is_ours(process: Process) -> bool:
    return process.pid == 1 or process.service == OWN_SERVICE


def evaluate_other_services(listed: str) -> CheckResult:
    """Say what `systemctl list-units` prints about services that Cloister brings itself. Pure."""
    running = [line.split()[0] for line in listed.splitlines() if line.strip()]
    if not running:
        sentence = "Neither Debian's own Nginx nor a PostgreSQL cluster of its own runs."
        return ok(CheckId.OTHER_SERVICES, sentence)
    sentence = f"Debian's own services run beside Cloister's: {', '.join(running)}."
    remedy = RunCommand(f"systemctl disable --now {running[0]}")
    return warning(CheckId.OTHER_SERVICES, sentence, "Unless you use them, stop them.", remedy)
