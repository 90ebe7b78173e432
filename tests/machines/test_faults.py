"""Units are killed, hung and stopped on an installed machine: it goes on, and loses nothing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from appliance.cli.output import ExitCode
from tests.builders.documents import LOREM, pdf, word, written
from tests.e2e.load import check, load, seconds_until
from tests.e2e.visitor import Program, Visitor
from tests.machines.accounts import run_as
from tests.machines.conftest import APPLIANCE
from tests.machines.ground import Ground
from tests.machines.installed import wait_until_serving
from tests.machines.machine import Image, Machine, new_machine
from tests.machines.neighbour import Neighbour
from tests.machines.network import Network
from tests.machines.programs import wait_until
from tests.machines.units import SERVICES, Units
from tests.machines.visitor import Site

SECOND = "10.44.0.2"
OLLAMA = "/usr/local/bin/ollama"
QUESTION = "Which gate has the copper lantern?"
WATCHDOG = "/etc/systemd/system/cloister.service.d/short.conf"
# The processes of our accounts; none is no match, which ends badly.
OURS = "ps -eo user:32=,pid=,args= | grep ^cloister"
# 404 before the first backup: the server answers, and has nothing.
ASK_FOR_BACKUPS = """/usr/bin/python3 -c '
import socket
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(3)
    client.connect("/run/cloister/repository/repository.sock")
    client.sendall(b"HEAD /config HTTP/1.0\r\n\r\n")
    assert client.recv(100).split()[1] in {b"200", b"404"}
'"""
Measure = Callable[[], bool]


@pytest.fixture(scope="module")
def site(appliance: Machine, client: Neighbour) -> Site:
    """The appliance after somebody has become its operator."""
    site = Site(appliance, client, APPLIANCE)
    site.claim()
    return site


@pytest.fixture(scope="module")
def units(appliance: Machine) -> Units:
    return Units(appliance)


@pytest.fixture(scope="module")
def operator(site: Site) -> Iterator[Visitor]:
    """The operator in a browser."""
    with site.visitor() as visitor:
        assert visitor.sign_in().status_code == httpx.codes.SEE_OTHER
        yield visitor


@pytest.fixture(scope="module")
def caller(site: Site) -> Iterator[Program]:
    """A program that has added what the answer to QUESTION is in."""
    with site.program() as program:
        sent = program.upload("Lanterns.txt", b"The copper lantern hangs over the north gate.")
        assert program.finished(sent.json()["id"])["status"] == "ready"
        yield program


@pytest.fixture(scope="module")
def crashing(
    ground: Ground, installed: Image, archive: Path, network: Network
) -> Iterator[Machine]:
    """A second appliance, whose model runner fails at each start.

    Until it is given up minutes pass, in which the other tests of this module run.
    """
    with new_machine(ground, "crashing", installed, archive=archive) as machine:
        machine.assemble()
        (machine.root / OLLAMA.lstrip("/")).rename(machine.root / f"{OLLAMA}.good".lstrip("/"))
        machine.write(OLLAMA, "#!/bin/sh\necho the graphics card is on fire\nexit 3\n", 0o755)
        machine.boot(network.place(SECOND))
        wait_until_serving(machine)
        yield machine


class Measures:
    """For each unit the deed by which a person would notice that it serves again."""

    def __init__(self, site: Site, operator: Visitor, caller: Program, units: Units) -> None:
        self.site = site
        self.operator = operator
        self.caller = caller
        self.units = units
        self._numbers = itertools.count()

    def of(self, unit: str) -> Measure:
        measures: dict[str, Measure] = {
            "postgres": self.finds,
            "ingest": self.reads,
            "webchat@1": self.is_ready,
            "nginx": self.is_ready,
            "ollama": self.writes,
            "ollama-proxy": self.writes,
            "backup-server": self.keeps_backups,
            "supervisor": self.shows_the_console,
        }
        return measures[unit]

    def finds(self) -> bool:
        """A search finds a passage."""
        found = self.caller.http.post("/api/search", json={"query": "copper lantern"})
        return found.status_code == httpx.codes.OK and bool(found.json()["passages"])

    def reads(self) -> bool:
        """A document that is sent now can be searched."""
        name = f"probe {next(self._numbers)}"
        sent = self.caller.upload(f"{name}.txt", f"This is {name}.".encode())
        return bool(self.caller.finished(sent.json()["id"], within=4)["status"] == "ready")

    def writes(self) -> bool:
        """A question is answered in a model's words."""
        return self.caller.ask(QUESTION).kind == "generated"

    def is_ready(self) -> bool:
        """Nginx and a chat server behind it say that all is well."""
        return self.caller.http.get("/ready").status_code == httpx.codes.OK

    def keeps_backups(self) -> bool:
        """The server of the backups answers those for whom it is."""
        asked = run_as(self.site.machine, "cloister-backup", ASK_FOR_BACKUPS)
        return asked.returncode == 0

    def shows_the_console(self) -> bool:
        """The console shows the operator every unit as ready."""
        return self.operator.http.get("/admin/").is_success and self.units.all_ready


@pytest.fixture
def measures(site: Site, operator: Visitor, caller: Program, units: Units) -> Measures:
    units.wait_until_all_ready()
    return Measures(site, operator, caller, units)


@pytest.fixture
def asker(site: Site) -> Iterator[Visitor]:
    """The operator in another browser, for the thread that asks."""
    with site.visitor() as visitor:
        assert visitor.sign_in().status_code == httpx.codes.SEE_OTHER
        yield visitor


@pytest.mark.parametrize("unit", SERVICES)
def test_a_killed_unit_serves_again_and_nothing_is_lost(
    measures: Measures, asker: Visitor, crashing: Machine, unit: str
) -> None:
    assert crashing.is_on
    units, serves = measures.units, measures.of(unit)
    assert serves()
    others = units.pids(unit)
    with measures.site.program() as uploader, load(unit, uploader, asker) as running:
        running.until(documents=3, conversations=3)
        pid = units.kill(unit)
        killed = time.monotonic()
        took = seconds_until(serves, killed, f"what shows that {unit} serves")
        print(f"{unit} serves again {took:.1f} s after kill -9")
        assert units.pid(unit) not in {0, pid}
        running.until(documents=2, conversations=2)
    check(running, measures.caller, measures.operator)
    assert units.pids(unit) == others


@pytest.mark.parametrize("unit", [name for name in SERVICES if name != "supervisor"])
def test_a_hung_unit_is_killed_long_before_its_time_to_stop_is_over(
    appliance: Machine, measures: Measures, asker: Visitor, unit: str
) -> None:
    units, serves = measures.units, measures.of(unit)
    assert serves()
    # Stopping the model runner ends its proxy, which may be what hangs, and the reverse.
    together = ("ollama", "ollama-proxy") if unit.startswith("ollama") else (unit,)
    others, hung = units.pids(*together), units.pid(unit)
    with measures.site.program() as uploader, load(f"hung {unit}", uploader, asker) as running:
        running.until(documents=1, conversations=1)
        # All its processes, as where a machine runs out of something.
        appliance.run(f"kill -STOP $(cat '/sys/fs/cgroup{units.control_group(unit)}/cgroup.procs')")
        stopped = time.monotonic()
        wait_until(lambda: units.pid(unit) not in {0, hung}, f"another {unit}", 60)
        took = seconds_until(serves, stopped, f"what shows that {unit} serves")
        print(f"{unit} serves again {took:.1f} s after SIGSTOP")
        running.until(documents=1, conversations=1)
    check(running, measures.caller, measures.operator)
    assert units.pids(*together) == others
    # The proxy is stopped with the model runner, and may take the second that its file gives it.
    if unit != "ollama-proxy":
        journal = appliance.run(f"journalctl --boot --unit={SERVICES[unit]} --lines=500").stdout
        assert "State 'stop-sigterm' timed out" not in journal


def test_a_hung_supervisor_is_replaced_and_nothing_else_is_touched(
    appliance: Machine, site: Site, units: Units, measures: Measures
) -> None:
    appliance.write(WATCHDOG, "[Service]\nWatchdogSec=3s\n")
    appliance.run("systemctl daemon-reload && systemctl restart cloister.service")
    units.wait_until_all_ready()
    others, hung = units.pids("supervisor"), units.pid("supervisor")
    hung_at = float(appliance.run("date +%s.%N").stdout)
    appliance.run(f"kill -STOP {hung}")
    wait_until(lambda: units.pid("supervisor") not in {0, hung}, "another supervisor", 30)
    wait_until(measures.shows_the_console, "the console answers again", 15)
    journal = appliance.run("journalctl --boot --unit=cloister.service --lines=200").stdout
    assert "Watchdog timeout" in journal
    assert units.pids("supervisor") == others
    for name in ("postgres", "ingest", "webchat@1", "nginx", "ollama"):
        assert datetime.fromisoformat(units.told(name)["since"]).timestamp() < hung_at
    shown = {row["unit"]: row for row in site.cli("status")}
    assert shown["postgres"]["state"] == "ready"
    assert datetime.fromisoformat(shown["postgres"]["since"]).timestamp() < hung_at
    appliance.run(f"rm {WATCHDOG} && systemctl daemon-reload")


@pytest.mark.parametrize("start", ["systemctl start cloister-nginx", "cloister start nginx"])
@pytest.mark.parametrize(
    ("stop", "words"),
    [
        ("systemctl stop cloister-nginx", "stopped outside of Cloister with systemctl"),
        ("cloister stop nginx", "stopped by the command line"),
    ],
)
def test_what_a_person_stopped_stays_down_until_a_person_starts_it(
    appliance: Machine, measures: Measures, stop: str, words: str, start: str
) -> None:
    units, site = measures.units, measures.site
    appliance.run(stop)
    units.wait_for("nginx", "stopped")
    appliance.wait_until("! systemctl is-active --quiet cloister-nginx.socket")
    for address in (f"https://{site.host}/", f"http://{site.host}/"):
        with pytest.raises(httpx.ConnectError):
            site.get(address)
    units.wait_for_a_decision()
    status = appliance.run("cloister status", check=False)
    assert words in status.stdout
    assert units.pid("nginx") == 0
    with pytest.raises(httpx.ConnectError):
        site.get(f"https://{site.host}/")
    appliance.run(start)
    wait_until(measures.shows_the_console, "the console answers again", 15)


def test_the_console_stops_and_starts_a_unit(
    operator: Visitor, units: Units, measures: Measures
) -> None:
    page = "/admin/units/ingest"
    operator.post(f"{page}/stop", page)
    assert units.wait_for("ingest", "stopped")["cause"] == "stopped_on_request"
    assert units.pid("ingest") == 0
    operator.post(f"{page}/start", page)
    units.wait_for("ingest", "ready")
    wait_until(measures.reads, "documents are read again")


def test_stopping_all_leaves_nothing_and_starting_brings_all_back(
    appliance: Machine, site: Site, units: Units, measures: Measures
) -> None:
    assert appliance.run(OURS).stdout.count("\n") > len(SERVICES)
    appliance.run("systemctl stop cloister.target")
    try:
        # systemctl does not wait for what is stopped along with a target.
        appliance.wait_until(f"! {OURS}", 20)
        appliance.wait_until('[ -z "$(systemctl list-jobs --no-legend)" ]')
        listed = "systemctl list-units --no-legend --plain --state=active,activating 'cloister*'"
        assert appliance.run(f"{listed}; {OURS}", check=False).stdout == ""
        with pytest.raises(httpx.ConnectError):
            site.get("/")
        said = appliance.run("cloister status", check=False)
        assert said.returncode == ExitCode.NOT_RUNNING
        assert "not running" in said.stderr
    finally:
        appliance.run("systemctl start cloister")
    units.wait_until_all_ready()
    assert measures.finds()
    assert measures.writes()


def test_a_wrong_line_in_the_settings_stops_nothing(
    appliance: Machine, units: Units, measures: Measures
) -> None:
    file, kept = "/etc/cloister/cloister.env", "/root/cloister.env"
    appliance.run(f"cp -p {file} {kept}")
    try:
        wrong = r"CLOISTER_CHAT_PROCESES=2\nCLOISTER_UPLOAD_LIMIT=lots\n"
        appliance.run(f"printf '{wrong}' >>{file}")
        before = units.pids()
        restart = "cloister setting check && systemctl restart cloister.target"
        checked = appliance.run(restart, check=False)
        assert checked.returncode == ExitCode.FAILED
        assert "did you mean CLOISTER_CHAT_PROCESSES?" in checked.stdout
        assert units.pids() == before
        # A restart without the check ends, too, and everything serves.
        appliance.run("systemctl restart cloister.target")
        units.wait_until_all_ready()
        assert measures.reads()
        restarts = "systemctl show --property=NRestarts --value cloister.service"
        assert appliance.run(restarts).stdout.strip() == "0"
        journal = appliance.run("journalctl --boot --unit=cloister.service --no-pager").stdout
        assert "CLOISTER_UPLOAD_LIMIT=lots cannot be used" in journal
    finally:
        appliance.run(f"mv {kept} {file}")
    appliance.run(restart)
    units.wait_until_all_ready()


def test_the_message_bus_is_killed_and_the_supervisor_finds_its_successor(
    appliance: Machine, units: Units, measures: Measures
) -> None:
    before = units.pids()
    bus = "systemctl show --property=MainPID --value dbus.service"
    killed = appliance.run(bus).stdout.strip()
    appliance.run(f"kill -9 {killed}")
    appliance.wait_until(f"[ $({bus}) != {killed} ] && systemctl is-active --quiet dbus.service")
    assert units.pids() == before
    units.wait_for_a_decision()
    assert units.pids("ingest") == {unit: before[unit] for unit in SERVICES if unit != "ingest"}
    assert measures.reads()


def test_logs_go_on_after_the_journal_was_restarted(
    appliance: Machine, units: Units, measures: Measures
) -> None:
    appliance.run("systemctl restart systemd-journald.service")
    line = "the porter has closed the north gate"
    entry = f"MESSAGE={line}\\nOBJECT_SYSTEMD_UNIT={SERVICES['nginx']}\\n"
    appliance.run(f"printf '{entry}' | logger --journald")
    appliance.wait_until(f"cloister logs nginx | grep --quiet '{line}'")
    units.wait_for_a_decision()
    assert measures.reads()


def test_the_journal_knows_how_urgent_a_line_is(appliance: Machine) -> None:
    psql = "psql --host=/run/cloister/postgres --dbname=postgres"
    appliance.run(f"runuser --user=cloister -- {psql} --command='SELECT nothing'", check=False)
    urgent = "journalctl --boot --quiet --priority=warning --unit=cloister-postgres"
    appliance.wait_until(f"{urgent} | grep --quiet '\"nothing\" does not exist'")
    assert "listening on" not in appliance.run(urgent).stdout


def test_every_format_is_read_in_the_sandbox(caller: Program, tmp_path: Path) -> None:
    files = {
        pdf(tmp_path / "Pumps.pdf", ["The pump in cellar seven is worn."]): "cellar seven",
        word(tmp_path / "Valves.docx", [("Valves", ["Valve nine leaks a little."])]): "Valve nine",
        written(tmp_path / "Wells.html", "<h1>Wells</h1><p>Well ten is dry.</p>"): "Well ten",
        written(tmp_path / "Tanks.md", "# Tanks\n\nTank eleven is full."): "Tank eleven",
    }
    for path, words in files.items():
        found = caller.finished(caller.add(path))
        assert found["status"] == "ready", found
        answer = caller.http.post("/api/search", json={"query": words}).json()
        names = {each["file"] for each in answer["passages"] if words in each["text"]}
        assert path.name in names


def test_a_document_that_needs_too_much_memory_harms_no_other(
    caller: Program, units: Units, measures: Measures, tmp_path: Path
) -> None:
    ingest = units.pid("ingest")
    greedy = caller.add(word(tmp_path / "Endless.docx", [("Pumps", [LOREM * 20] * 5000)]))
    found = caller.finished(greedy, within=90)
    assert found["status"] == "quarantined", found
    assert "more than 1024 megabytes of memory" in found["error"]["message"]
    assert units.pid("ingest") == ingest
    assert measures.reads()


def test_a_unit_that_keeps_crashing_is_given_up_and_can_be_repaired(
    crashing: Machine, client: Neighbour
) -> None:
    units, site = Units(crashing), Site(crashing, client, SECOND)
    given_up = units.wait_for("ollama", "gave up", seconds=400)
    assert "ended with code 3" in given_up["reason"]
    assert "the graphics card is on fire" in "\n".join(given_up["lines"])
    journal = crashing.run("journalctl --boot --unit=cloister.service --no-pager").stdout
    evidence = journal[journal.index("its last lines") :]
    assert "the graphics card is on fire" in evidence
    assert crashing.run("cloister status", check=False).returncode == ExitCode.NOT_READY
    site.claim()
    with site.visitor() as operator, site.program() as program:
        operator.sign_in()
        assert "gave up" in operator.http.get("/admin/").text
        sent = program.upload("Lanterns.txt", b"The copper lantern hangs over the north gate.")
        assert program.finished(sent.json()["id"])["status"] == "ready"
        assert program.ask(QUESTION).kind == "quoted"
        crashing.run(f"mv {OLLAMA}.good {OLLAMA} && cloister start ollama")
        units.wait_until_all_ready()
        wait_until(lambda: program.ask(QUESTION).kind == "generated", "a model answers", 15)
