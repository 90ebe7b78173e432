"""Checks that nothing of Cloister can reach the network: the proof, as far as root can see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from appliance.core.process import run
from appliance.health.model import Check, Finding, failed, fine, unknown, warning
from appliance.health.processes import PROC, Network, host_namespace, networks

TABLE = "cloister"
STOPPING = {"reject", "drop"}
# The only services that may have the host's network, while they run.
MAY_GO_ONLINE = "cloister-fetch@"
RESTART = "`systemctl restart cloister-firewall.service`, then `systemctl status` of the same."


def seal_checks(proc: Path = PROC) -> list[Check]:
    """Return the checks; all of them look at things that only root may see."""

    async def firewall() -> Finding:
        finished = await run(("nft", "--json", "list", "table", "inet", TABLE), timeout=5.0)
        if not finished.succeeded:
            return failed(f"The firewall table `inet {TABLE}` is not loaded.", RESTART)
        return judged_table(json.loads(finished.stdout))

    async def seen() -> Finding:
        try:
            host = await asyncio.to_thread(host_namespace, proc)
            found = await asyncio.to_thread(lambda: list(networks(proc)))
        except PermissionError as error:
            return unknown(f"Even root may not look at {error.filename} here.")
        return judged_networks(host, found)

    return [
        Check("firewall", firewall, as_root=True),
        Check("networks", seen, as_root=True),
    ]


def judged_table(listing: dict[str, Any]) -> Finding:
    """Judge what `nft --json list table` prints: a packet that was stopped is a finding."""
    entries = listing["nftables"]
    named = {e["counter"]["name"]: e["counter"]["packets"] for e in entries if "counter" in e}
    rules = [entry["rule"] for entry in entries if "rule" in entry]
    stopping = [rule for rule in rules if any(STOPPING & part.keys() for part in rule["expr"])]
    if not stopping:
        return failed(f"The table `inet {TABLE}` stops nothing.", RESTART)
    stopped: dict[str, int] = {}
    for rule in stopping:
        # Several rules may share a counter that has a name.
        stopped |= _stopped(rule, named)
    if total := sum(stopped.values()):
        facts = ", ".join(f"{count} {title}" for title, count in stopped.items() if count)
        sentence = f"{total} packets were stopped: {facts}. Something tried to get out."
        return failed(sentence, "`cloister logs nginx`; was the machine broken into?")
    return fine(f"It is loaded ({len(stopping)} rules), and no packet had to be stopped.")


def _stopped(rule: dict[str, Any], named: dict[str, int]) -> dict[str, int]:
    """Return how many packets each counter of a rule has counted, by what tells it from others."""
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


def judged_networks(host: str, found: Iterable[Network]) -> Finding:
    """Judge which networks the processes of Cloister's services are in."""
    services = {network: str(network.process.service) for network in found}
    online = {name for name in services.values() if name.startswith(MAY_GO_ONLINE)}
    sealed = [network for network, name in services.items() if name not in online]
    if open_ones := [n for n in sealed if n.namespace == host or n.interfaces != {"lo"}]:
        facts = ", ".join(
            f"{services[n]} (process {n.process.pid}, {n.process.name})" for n in open_ones
        )
        hint = "`systemctl cat` of that service: a drop-in takes PrivateNetwork=yes away."
        return failed(f"These are not cut off from the network: {facts}.", hint)
    if online:
        sentence = f"{', '.join(sorted(online))} is online to fetch a model; nothing else is."
        return warning(sentence, "It ends by itself when the model has arrived.")
    if not sealed:
        return unknown("No service of Cloister runs.")
    return fine(
        f"{len(sealed)} processes of {len(set(services.values()))} services: each is in a "
        "network of its own with no interface but loopback."
    )
