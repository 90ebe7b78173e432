"""Is every service cut off from the network? The proof, as far as root can see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from appliance.core.process import run
from appliance.health.model import Check, CheckId, CheckResult, failed, ok, unknown, warning
from appliance.health.processes import PROC, Network, host_namespace, networks
from appliance.health.remedies import ReadLog, RunCommand

TABLE = "cloister"
STOPPING = {"reject", "drop"}
# The only services that may have the host's network, while they run. Root starts the first by hand;
# the others copy encrypted backups, and ask for certificates, where an operator wants that.
FETCH, OFFSITE, ACME = "cloister-fetch@", "cloister-offsite@", "cloister-acme."
RESTART = RunCommand("systemctl restart cloister-firewall.service")
LOAD_AGAIN = "Load it again; `systemctl status cloister-firewall.service` says more."


def isolation_checks(proc: Path = PROC) -> list[Check]:
    """Return the checks; all of them look at things that only root may see."""

    async def firewall() -> CheckResult:
        finished = await run(("nft", "--json", "list", "table", "inet", TABLE), timeout=5.0)
        if not finished.succeeded:
            sentence = f"The firewall table `inet {TABLE}` is not loaded."
            return failed(CheckId.FIREWALL, sentence, LOAD_AGAIN, RESTART)
        return evaluate_table(json.loads(finished.stdout))

    async def seen() -> CheckResult:
        try:
            host = await asyncio.to_thread(host_namespace, proc)
            found = await asyncio.to_thread(lambda: list(networks(proc)))
        except PermissionError as error:
            return unknown(CheckId.NETWORKS, f"Even root may not look at {error.filename} here.")
        return evaluate_networks(host, found)

    return [
        Check(CheckId.FIREWALL, firewall, as_root=True),
        Check(CheckId.NETWORKS, seen, as_root=True),
    ]


def evaluate_table(listing: dict[str, Any]) -> CheckResult:
    """Say what `nft --json list table` prints: a packet that was stopped is a failure. Pure."""
    entries = listing["nftables"]
    named = {e["counter"]["name"]: e["counter"]["packets"] for e in entries if "counter" in e}
    rules = [entry["rule"] for entry in entries if "rule" in entry]
    stopping = [rule for rule in rules if any(STOPPING & part.keys() for part in rule["expr"])]
    if not stopping:
        sentence = f"The table `inet {TABLE}` stops nothing."
        return failed(CheckId.FIREWALL, sentence, LOAD_AGAIN, RESTART)
    stopped: dict[str, int] = {}
    for rule in stopping:
        # Several rules may share a counter that has a name.
        stopped |= _stopped(rule, named)
    if total := sum(stopped.values()):
        facts = ", ".join(f"{count} {title}" for title, count in stopped.items() if count)
        sentence = f"{total} packets were stopped: {facts}. Something tried to get out."
        hint = "The machine may have been broken into; the log of the web server may say more."
        return failed(CheckId.FIREWALL, sentence, hint, ReadLog("nginx"))
    return ok(
        CheckId.FIREWALL, f"It is loaded ({len(stopping)} rules), and no packet had to be stopped."
    )


def _stopped(rule: dict[str, Any], named: dict[str, int]) -> dict[str, int]:
    """Return how many packets each counter of a rule has counted, by what the counter is called."""
    found = {}
    for part in rule["expr"]:
        match part.get("counter"):
            case {"packets": int(packets)}:
                title = rule.get("comment") or f"by rule {rule['handle']} of {rule['chain']}"
                found[str(title)] = packets
            case str(name):
                found[name] = named.get(name, 0)
            case _:
                pass
    return found


def evaluate_networks(host: str, found: Iterable[Network]) -> CheckResult:
    """Say which networks the processes of Cloister's services are in. Pure."""
    services = {network: str(network.process.service) for network in found}
    online = {name for name in services.values() if name.startswith((FETCH, OFFSITE, ACME))}
    sealed = [network for network, name in services.items() if name not in online]
    if open_ones := [n for n in sealed if n.namespace == host or n.interfaces != {"lo"}]:
        facts = ", ".join(
            f"{services[n]} (process {n.process.pid}, {n.process.name})" for n in open_ones
        )
        hint = "`systemctl cat` of that service shows what takes PrivateNetwork=yes away."
        sentence = f"These are not cut off from the network: {facts}."
        return failed(CheckId.NETWORKS, sentence, hint)
    if fetching := sorted(name for name in online if name.startswith(FETCH)):
        sentence = f"{', '.join(fetching)} is online to fetch a model."
        return warning(CheckId.NETWORKS, sentence, "It ends by itself when the model has arrived.")
    if not sealed:
        return unknown(CheckId.NETWORKS, "No service of Cloister runs.")
    working = "".join(f" {name} is online {_purpose_of(name)}." for name in sorted(online))
    return ok(
        CheckId.NETWORKS,
        f"{len(sealed)} processes of {len(set(services.values()) - online)} services: each is in "
        f"a network of its own with no interface but loopback.{working}",
    )


def _purpose_of(name: str) -> str:
    return "to ask for a certificate" if name.startswith(ACME) else "for an off-site copy"
