"""Run a program in the sandbox of a service: all that its unit says holds, but what is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.machines.machine import Machine

UNITS = Path(__file__).parents[2] / "systemd"
PROBE = Path(__file__).with_name("sandbox_probe.py")
PROBE_HOME = "/usr/local/lib/cloister-tests"
# The name begins as the service's own: what holds for every cloister-*.service holds for the probe
# of one of them, and not for that of cloister.service.
NAMES = {"cloister.service": "cloister.probe.service"}
OTHER_NAME = "cloister-probe-{}.service"
# The instances of templates that have no numbers.
INSTANCES = {"cloister-backup": "set"}
# Comes last in [Service]: only how it starts and ends, and where it prints, is another.
INSTEAD = """
Type=oneshot
Restart=no
RemainAfterExit=no
WatchdogSec=0
RuntimeMaxSec=infinity
TimeoutStartSec=60s
ExecStartPre=
ExecStart=
ExecStart={command}
ExecReload=
ExecStop=
ExecStopPost=
StandardOutput=truncate:{output}
"""


def services() -> list[str]:
    """The names of the services in the package, an instance of each template."""
    names = (path.name for path in UNITS.glob("*.service"))
    return sorted(
        name.replace("@.", f"@{INSTANCES.get(name.partition('@')[0], '1')}.") for name in names
    )


def run_in_sandbox(
    machine: Machine, service: str, *arguments: str, probe: Path = PROBE
) -> dict[str, Any]:
    """Run a probe with these arguments as systemd would run the service, and return its finding.

    The text is the machine's own: its unit file, with every drop-in that lies beside it.
    """
    other = OTHER_NAME.format(service.removesuffix(".service").replace("@", "-"))
    name = NAMES.get(service, other)
    output = f"/run/{name}.json"
    command = " ".join(("/usr/bin/python3", f"{PROBE_HOME}/{probe.name}", *arguments))
    machine.copy_in(probe, PROBE_HOME)
    instance = service.partition("@")[2].removesuffix(".service")
    text = _sections(machine.run(f"systemctl cat {service}").stdout).replace("%i", instance)
    machine.write(
        f"/run/systemd/system/{name}", text + INSTEAD.format(command=command, output=output)
    )
    machine.run(f"systemctl daemon-reload && systemctl start {name}")
    found: dict[str, Any] = json.loads(machine.run(f"cat {output}").stdout)
    machine.run(f"rm /run/systemd/system/{name} && systemctl daemon-reload")
    return found


def _sections(text: str) -> str:
    """All lines of [Service], and of the rest only whose name spaces it joins.

    Which units are started and stopped with a service is not for its double: a stop would spread.
    """
    section = ""
    joined: list[str] = []
    service: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]":
            service.append(line)
        elif line.startswith("JoinsNamespaceOf="):
            joined.append(line)
    return "\n".join(("[Unit]", *joined, "[Service]", *service))
