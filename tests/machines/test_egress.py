"""Nothing leaves: what a machine sends over a whole session, and what a broken-in service can do.

`started_by` says which packets count as begun by the machine. Of what it leaves out as part of
answering, one kind is sent by the kernel unasked: the multicast report, with which an interface
that comes up tells its switch which groups its own addresses belong to. It names no one, carries
nothing, and is not passed on by any router.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.appliance import wait_until
from tests.builders import documents
from tests.e2e.visitor import Visitor
from tests.machines.capture import Capture, started_by
from tests.machines.ground import Ground
from tests.machines.installed import install_package, put_in_ollama
from tests.machines.machine import Image, Machine, new_machine
from tests.machines.neighbour import Call, Neighbour
from tests.machines.network import Network, running_network
from tests.machines.packets import Packet
from tests.machines.sandbox import run_in_sandbox, services
from tests.machines.visitor import Site, ready

ADDRESS = "10.44.0.1"
CLIENT = "10.44.0.3"
CLIENT6 = "fd44::3"
PORT = 9000
LISTENING = "0A"
# What the kernel needs to deliver an answer, and the report of the text above.
UNDERNEATH = {"arp-request", "arp-reply", "multicast-report"}
TABLE = "inet cloister"
FETCH = "cloister-fetch@1.service"
# Those that go online, each with an account that the packet filter lets out.
ONLINE = (FETCH, "cloister-offsite@1.service", "cloister-acme.service")
SEALED = [service for service in services() if service not in ONLINE]
# There is no such network in a sandbox, or no such kind of socket, or no right to one.
REFUSALS = {"ENETUNREACH", "EAFNOSUPPORT", "EPERM", "EACCES", "ENODEV"}

BELL = "The bell of the east tower was cast in 1742 and weighs three tons."
QUESTION = "When was the bell of the east tower cast?"

TRICK = Path(__file__).with_name("reuse_listener.py")
TRICK_HOME = "/usr/local/lib/cloister-tests"
TRICK_OUTPUT = "/run/reuse.out"
DROP_IN = "/run/systemd/system/cloister-nginx.service.d/90-broken-into.conf"
BROKEN_INTO = f"""[Service]
ExecStart=
ExecStart=/usr/bin/python3 {TRICK_HOME}/{TRICK.name} {CLIENT} {PORT}
StandardOutput=append:{TRICK_OUTPUT}
"""
INTRUDED = "cloister-nginx.service cloister-nginx.socket"


@dataclass(frozen=True, slots=True)
class Session:
    """What was on the wire from a machine's first boot on, and what its filter stopped."""

    packets: list[Packet]
    card: str
    counters: dict[str, int]

    @property
    def sent(self) -> list[Packet]:
        return [packet for packet in self.packets if packet.sender == self.card]


@pytest.fixture(scope="module")
def session(
    ground: Ground,
    base: Image,
    package: Path,
    archive: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Session]:
    """A fresh server's first day: installed, claimed, used, rebooted, used again."""
    bell = documents.pdf(tmp_path_factory.mktemp("files") / "towers.pdf", ["Towers.", BELL])
    with (
        running_network(ground, "session") as network,
        network.capture() as capture,
        new_machine(ground, "session", base, archive=archive) as machine,
    ):
        put_in_ollama(machine)
        place = network.place(ADDRESS)
        machine.boot(place)
        install_package(machine, package)
        site = Site(machine, network.neighbour(CLIENT), ADDRESS)
        wait_until(lambda: ready(site), "the appliance to serve", 120)
        site.choose_models()
        site.claim()
        with site.program() as program, site.visitor() as person:
            assert program.finished(program.add(bell))["status"] == "ready"
            assert program.ask(QUESTION).kind == "generated"
            person.sign_in()
            chat(person, QUESTION)
            machine.reboot()
            wait_until(lambda: ready(site), "the appliance to be back", 120)
            assert program.ask(QUESTION).kind == "generated"
            chat(person, QUESTION)
        counters = stopped(machine)
        machine.stop()
        yield Session(capture.packets(), place.card, counters)


def chat(person: Visitor, question: str) -> None:
    conversation = person.ask(question, person.token("/"))
    wait_until(lambda: "1742" in person.http.get(conversation).text, "an answer in the chat")


def stopped(machine: Machine) -> dict[str, int]:
    """How many packets each counter of the filter has seen."""
    listing = json.loads(machine.run(f"nft --json list counters table {TABLE}").stdout)
    found = [entry["counter"] for entry in listing["nftables"] if "counter" in entry]
    return {counter["name"]: counter["packets"] for counter in found}


def test_the_machine_starts_no_conversation(session: Session) -> None:
    assert started_by(session.packets, session.card) == []


def test_what_it_sends_are_answers_of_the_two_ports(session: Session) -> None:
    spoken = {packet.kind for packet in session.sent}
    assert "tcp" in spoken
    assert spoken <= {"tcp", *UNDERNEATH}
    ports = {packet.source_port for packet in session.sent if packet.kind == "tcp"}
    assert ports <= {80, 443}


def test_nothing_had_to_be_stopped(session: Session) -> None:
    assert session.counters
    assert set(session.counters.values()) == {0}


@pytest.fixture(scope="module")
def target(client: Neighbour) -> Neighbour:
    """A computer that anybody can reach who is on the network."""
    client.listen_tcp(PORT)
    client.listen_udp(PORT)
    return client


@pytest.fixture
def wire(network: Network, target: Neighbour) -> Iterator[Capture]:
    """What is on the network during a test, with nothing noted yet."""
    target.calls.clear()
    with network.capture("wire") as capture:
        yield capture


@pytest.mark.parametrize("service", SEALED)
def test_no_way_leads_out_of_a_sandbox(
    appliance: Machine, network: Network, target: Neighbour, wire: Capture, service: str
) -> None:
    tried = run_in_sandbox(appliance, service, CLIENT, CLIENT6, str(PORT))["calls"]
    assert len(tried) == 8
    for way, outcome in tried.items():
        # ETIMEDOUT is none of them: it is refused at once.
        assert outcome in REFUSALS, (way, outcome)
    assert target.calls == []
    assert started_by(wire.packets(), network.place(ADDRESS).card) == []


@pytest.mark.parametrize("service", ONLINE)
def test_a_service_that_may_go_online_can(
    appliance: Machine, network: Network, target: Neighbour, wire: Capture, service: str
) -> None:
    """So the test above fails where a sandbox is open; and even here not everything goes."""
    tried = run_in_sandbox(appliance, service, CLIENT, CLIENT6, str(PORT))["calls"]
    ways = {way for way, how in tried.items() if how == "through"}
    assert {"tcp", "tcp6", "udp", "udp6"} <= ways
    assert not {"broadcast", "ping", "frame"} & ways
    wait_until(lambda: len(target.calls) == 4, "all four calls were noted")
    assert {(call.protocol, call.caller) for call in target.calls} == {
        ("tcp", ADDRESS),
        ("udp", ADDRESS),
        ("tcp", "fd44::1"),
        ("udp", "fd44::1"),
    }
    assert started_by(wire.packets(), network.place(ADDRESS).card)


@pytest.fixture
def broken_into(appliance: Machine) -> Iterator[Machine]:
    """A machine whose Nginx was taken over: its unit, its sandbox and its sockets are real."""
    # The supervisor would soon start what it takes for a crashed Nginx.
    appliance.run("systemctl stop cloister.service")
    appliance.copy_in(TRICK, TRICK_HOME)
    appliance.write(DROP_IN, BROKEN_INTO)
    appliance.run("systemctl daemon-reload")
    yield appliance
    appliance.run(f"rm {DROP_IN} && systemctl daemon-reload")
    appliance.run("systemctl stop cloister.target && systemctl start cloister.service")
    appliance.wait_until("cloister status", 60)


def tried_by_intruder(machine: Machine, visitor: Neighbour) -> dict[str, str]:
    """What became of each way out, with one visitor for it to turn round on."""
    # Its sockets may be spoilt from the last time.
    machine.run(f"systemctl stop {INTRUDED}; rm -f {TRICK_OUTPUT}")
    machine.run("systemctl start cloister-nginx.socket")

    def visit() -> None:
        with socket.create_connection((ADDRESS, 80), timeout=30):
            machine.wait_until(f"grep -q 'socket 443' {TRICK_OUTPUT}")

    visitor.run(visit)
    machine.run(f"systemctl stop {INTRUDED}")
    found: dict[str, str] = {}
    for line in machine.run(f"cat {TRICK_OUTPUT}").stdout.splitlines():
        attempt = json.loads(line)
        # A listening socket that was connected elsewhere wakes systemd, which starts it once more.
        found.setdefault(attempt["way"], attempt["outcome"])
    del found["waiting"]
    return found


REUSE = {"accepted connection", "listening socket 80", "listening socket 443"}


def test_a_web_server_that_was_taken_over_cannot_call_out(
    broken_into: Machine, network: Network, target: Neighbour, wire: Capture
) -> None:
    card = network.place(ADDRESS).card
    tried = tried_by_intruder(broken_into, target)
    assert tried.keys() == {"own socket", *REUSE}
    assert "connected" not in tried.values(), tried
    assert target.calls == []
    assert [packet for packet in started_by(wire.packets(), card) if packet.kind == "tcp"] == []
    counters = stopped(broken_into)
    assert counters["reused_listener"] >= 2
    assert sum(counters.values()) >= len(REUSE)
    # The operator is told.
    examined = json.loads(broken_into.run("cloister doctor --json", check=False).stdout)
    assert examined["healthy"] is False
    told = next(each for each in examined["checks"] if each["check"] == "firewall")
    assert told["state"] == "failed"
    assert "packets were stopped" in told["sentence"]


def test_without_the_filter_it_could(
    broken_into: Machine, network: Network, target: Neighbour, wire: Capture
) -> None:
    """So the test above fails when the filter does not hold; its intruder is a real one."""
    broken_into.run(f"nft delete table {TABLE}")
    try:
        tried = tried_by_intruder(broken_into, target)
    finally:
        broken_into.run("systemctl restart cloister-firewall.service")
    assert tried["own socket"] in REFUSALS
    assert {tried[way] for way in REUSE} == {"connected"}
    wait_until(lambda: len(target.calls) == len(REUSE), "every call was noted")
    assert set(target.calls) == {Call("tcp", PORT, ADDRESS)}
    begun = started_by(wire.packets(), network.place(ADDRESS).card)
    assert len([packet for packet in begun if packet.kind == "tcp"]) == len(REUSE)


# Without what systemd itself adds to a set when the sockets start: after a flush that is missing
# until they start again, and the other rules hold alone.
RULES = f"nft --stateless list table {TABLE} | grep -v elements"


@pytest.mark.parametrize("deed", ["start", "restart", "reload", "stop"])
def test_debians_own_filter_does_not_take_ours_away(appliance: Machine, deed: str) -> None:
    """Each of these empties the machine's whole rule set."""
    loaded = appliance.run(RULES).stdout
    appliance.run(f"systemctl {'stop' if deed == 'start' else 'start'} nftables.service")
    appliance.wait_until(f"nft list chain {TABLE} output", 5)
    appliance.run("nft add table inet foreign")
    appliance.run(f"systemctl {deed} nftables.service")
    # Ours comes back by itself, a moment after everything else has gone.
    appliance.wait_until(f"! nft list table inet foreign && nft list chain {TABLE} output", 5)
    assert appliance.run(RULES).stdout == loaded
    appliance.run("systemctl stop nftables.service")
    appliance.wait_until(f"nft list chain {TABLE} output", 5)


def test_a_filter_that_was_emptied_is_reported_and_comes_back(appliance: Machine) -> None:
    appliance.run("nft flush ruleset")
    examined = json.loads(appliance.run("cloister doctor --json", check=False).stdout)
    told = next(each for each in examined["checks"] if each["check"] == "firewall")
    assert told["state"] == "failed"
    appliance.run("systemctl reload cloister-firewall.service")
    assert "reused_listener" in appliance.run(RULES).stdout
    assert "tcp sport { 80, 443 }" in appliance.run(RULES).stdout


def test_no_port_is_opened_without_the_filter(appliance: Machine) -> None:
    folder = "/run/systemd/system/cloister-firewall.service.d"
    appliance.run("systemctl stop cloister.target")
    appliance.wait_until("! systemctl is-active cloister-firewall.service")
    appliance.write(f"{folder}/90-broken.conf", "[Service]\nExecStart=\nExecStart=/bin/false\n")
    appliance.run("systemctl daemon-reload")
    try:
        refused = appliance.run("systemctl start cloister-nginx.socket", check=False)
        assert refused.returncode != 0
        sockets = appliance.run("tail -qn +2 /proc/net/tcp /proc/net/tcp6").stdout.splitlines()
        assert [line for line in sockets if line.split()[3] == LISTENING] == []
    finally:
        appliance.run(f"rm -r {folder} && systemctl daemon-reload")
        appliance.run("systemctl start cloister.service")
        appliance.wait_until("cloister status", 60)
