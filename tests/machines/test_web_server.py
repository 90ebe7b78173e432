"""The web server's sockets outlive it: visitors wait, and systemd does not lose its patience."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour
from tests.machines.programs import wait_until
from tests.machines.units import Units

ADDRESS = "10.44.0.1"
DROP_IN = "/run/systemd/system/cloister-nginx.service.d/90-cannot-start.conf"
CANNOT_START = "[Service]\nExecStart=\nExecStart=/usr/bin/false\n"
WATCHED_SECONDS = 5.0
STARTS = "journalctl --boot --unit=cloister-nginx.service --grep='^Starting' --output=cat | wc -l"

# A visitor who opens the page again and again, on the machine itself.
VISITORS = """
import socket, time
while True:
    try:
        with socket.create_connection(("127.0.0.1", 80), timeout=5) as visitor:
            visitor.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            visitor.recv(100)
    except OSError:
        pass
    time.sleep(0.1)
"""


@pytest.fixture
def broken(appliance: Machine) -> Iterator[Machine]:
    """A machine whose web server ends as soon as it is started, with no supervisor to say when."""
    appliance.run("systemctl stop cloister.service")
    appliance.write(DROP_IN, CANNOT_START)
    appliance.run("systemctl daemon-reload && systemctl stop cloister-nginx.service")
    appliance.run("systemctl start cloister-nginx.socket")
    yield appliance
    appliance.run(f"rm -f {DROP_IN} && systemctl daemon-reload")
    appliance.run("systemctl stop cloister.target && systemctl start cloister.service")
    appliance.wait_until("cloister status", 60)


def test_a_visitor_waits_while_it_cannot_start_and_is_then_served(
    broken: Machine, client: Neighbour
) -> None:
    def ask() -> tuple[int, bytes]:
        before = starts(broken)
        with socket.create_connection((ADDRESS, 80), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            # Time itself is what is looked at here: how often it is tried meanwhile.
            time.sleep(WATCHED_SECONDS)
            tried = starts(broken) - before
            broken.run(f"rm {DROP_IN} && systemctl daemon-reload")
            return tried, connection.recv(100)

    tried, answer = client.run(ask)
    assert 1 <= tried <= WATCHED_SECONDS + 1
    assert answer.startswith(b"HTTP/1.1 301")
    assert broken.run("systemctl is-active cloister-nginx.socket").stdout == "active\n"


def test_one_that_visitors_start_again_and_again_is_given_up_and_was_not_stopped(
    appliance: Machine,
) -> None:
    units = Units(appliance)
    units.wait_until_all_ready(60)
    appliance.write("/root/visitors.py", VISITORS)
    appliance.write(DROP_IN, CANNOT_START)
    appliance.run(
        "systemctl daemon-reload && systemd-run --unit=visitors python3 /root/visitors.py"
    )
    states: set[str] = set()

    def is_given_up() -> bool:
        found = units.told("nginx")
        assert found["stopped_by"] is None
        states.add(found["state"])
        return bool(found["state"] == "gave up")

    try:
        units.kill("nginx")
        wait_until(is_given_up, "nginx is given up", 180)
        assert not states & {"stopped", "stopping"}
        appliance.wait_until("! systemctl is-active --quiet cloister-nginx.socket")
    finally:
        appliance.run(
            f"systemctl stop visitors.service; rm -f {DROP_IN} && systemctl daemon-reload"
        )
    appliance.run("cloister start nginx")
    units.wait_until_all_ready(60)


def starts(machine: Machine) -> int:
    return int(machine.run(STARTS).stdout)
