"""Checks that nobody else takes the ports, and that Debian's own services are out of the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from appliance.core.process import run
from appliance.health.model import Check, Finding, failed, fine, unknown, warning
from appliance.health.processes import PROC, Listener, Process, listeners

PORTS = frozenset({80, 443})
# Systemd holds the sockets, and the web server inherits them.
OWN_SERVICE = "cloister-nginx.service"
RIVALS = ("nginx.service", "apache2.service", "postgresql@*.service")


def rival_checks(proc: Path = PROC) -> list[Check]:
    """Return the checks; only root may see who holds a socket."""

    async def ports() -> Finding:
        return judged_listeners(await asyncio.to_thread(listeners, PORTS, proc))

    async def services() -> Finding:
        command = ("systemctl", "list-units", "--plain", "--no-legend", "--state=active")
        finished = await run((*command, *RIVALS), timeout=5.0)
        if not finished.succeeded:
            return unknown("systemd does not answer.")
        return judged_services(finished.stdout.decode())

    return [Check("ports", ports, as_root=True), Check("other services", services)]


def judged_listeners(found: Iterable[Listener]) -> Finding:
    """Judge who holds the ports of the web server."""
    found = list(found)
    strangers = sorted(
        {
            f"{process.name} (process {process.pid}) listens on port {listener.port}"
            for listener in found
            for process in listener.holders
            if not _is_ours(process)
        }
    )
    if strangers:
        hint = "Stop and disable it, then `systemctl restart cloister.target`."
        return failed(f"Somebody else is there: {'; '.join(strangers)}.", hint)
    if silent := sorted(PORTS - {listener.port for listener in found}):
        ports = " and ".join(map(str, silent))
        hint = "`systemctl restart cloister-nginx.socket`, then `systemctl status` of the same."
        return failed(f"Nobody listens on port {ports}.", hint)
    return fine("Ports 80 and 443 belong to Cloister alone.")


def _is_ours(process: Process) -> bool:
    return process.pid == 1 or process.service == OWN_SERVICE


def judged_services(listed: str) -> Finding:
    """Judge what `systemctl list-units` prints about services that Cloister brings itself."""
    running = [line.split()[0] for line in listed.splitlines() if line.strip()]
    if not running:
        return fine("Neither Debian's own Nginx nor a PostgreSQL cluster of its own runs.")
    sentence = f"Debian's own services run beside Cloister's: {', '.join(running)}."
    hint = f"Unless they are wanted: `systemctl disable --now {running[0]}`."
    return warning(sentence, hint)
