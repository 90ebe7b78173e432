"""The disk fills up: it is said, nothing is lost, and with room again everything goes on."""

from __future__ import annotations

import httpx

from tests.machines.acknowledged import Acknowledged
from tests.machines.conftest import APPLIANCE
from tests.machines.installed import wait_until_serving
from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour
from tests.machines.network import Network
from tests.machines.programs import wait_until
from tests.machines.units import Units
from tests.machines.visitor import Site

# What is left for ordinary accounts, and then what root alone may use.
FILL = "dd if=/dev/zero of=/var/filler bs=1M; dd if=/dev/zero of=/var/filler2 bs=512; sync"
EMPTY = "rm -f /var/filler /var/filler2"


def test_a_full_disk_is_said_and_with_room_again_everything_goes_on(
    on_disk: Machine, network: Network, client: Neighbour
) -> None:
    machine, units, kept = on_disk, Units(on_disk), Acknowledged()
    machine.boot(network.place(APPLIANCE))
    wait_until_serving(machine)
    site = Site(machine, client, APPLIANCE)
    site.claim()
    with site.program() as program:
        kept.add(program, "north")
        machine.run(FILL, seconds=300, check=False)
        refused = program.upload("south.txt", b"The south lantern hangs over gate south.")
        assert refused.status_code == httpx.codes.INSUFFICIENT_STORAGE
        assert refused.json()["error"]["code"] == "disk_full"
        ready = program.http.get("/ready")
        assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert ready.json()["checks"]["disk_space"] is False
        # Whatever ends now has to start without any room.
        for unit in ("postgres", "ingest", "webchat@1", "nginx", "ollama", "supervisor"):
            units.kill(unit)
        wait_until(lambda: machine.run("cloister status", check=False).stdout, "an answer", 60)
        machine.run(EMPTY)
        units.wait_until_all_ready(120)
        kept.add(program, "south")
        with site.visitor() as visitor:
            assert visitor.sign_in().is_redirect
            kept.check(program, visitor)
    assert len(kept.documents) == 2
