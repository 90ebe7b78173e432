"""Root takes the machine online for one model: one process, which knows nothing worth sending."""

from __future__ import annotations

import json
import shlex
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.machines.installed import OLLAMA
from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour
from tests.machines.programs import wait_until
from tests.machines.visitor import Site, ready

ADDRESS = "10.44.0.1"
NAME = "tiny-chat:1b"
UNIT = "cloister-fetch@tiny\\x2dchat:1b.service"
FINDINGS = "/var/lib/cloister/ollama/incoming/findings.json"
BELL = "The bell of the east tower was cast in 1742 and weighs three tons."
# Slow enough to be looked at; `spy` comes first and is the program that was started.
SLOW_AND_CURIOUS = """
export FAKE_OLLAMA_BEHAVIOUR='{"token_delay": 0.1}'
/usr/bin/python3 /usr/local/bin/spy "$@"
exec """
SECRETS = (
    *("/var/lib/cloister/documents", "/var/lib/cloister/postgres", "/var/lib/cloister/tls"),
    "/var/lib/cloister/ollama/.ollama",
    *("/var/lib/cloister/state", "/run/cloister/nginx", "/run/cloister/control", "/root", "/home"),
)
# A runner that was taken over: it runs with everything that the unit allows it.
SPY = """
import json, os, socket
def outcome(attempt):
    try:
        return str(attempt())
    except OSError as error:
        return type(error).__name__
def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(3)
        client.connect(path)
    return "connected"
findings = {
    "folders": {path: outcome(lambda: os.listdir(path)) for path in %(folders)r},
    "sockets": {path: outcome(lambda: connect(path)) for path in %(sockets)r},
    "user": os.getuid(),
}
with open(%(findings)r, "w") as file:
    json.dump(findings, file)
"""
# Owner, name and network of every process; the kernel's have none.
PROCESSES = """
for process in /proc/[0-9]*; do
    echo "$(stat -c %U $process)" "$(cat $process/comm | tr ' ' _)" "$(readlink $process/ns/net)"
done 2>/dev/null
"""


@dataclass(frozen=True, slots=True)
class Fetch:
    """One download from beginning to end: who was on the network meanwhile, and what it saw."""

    site: Site
    processes: list[tuple[str, str]]
    command: CompletedProcess[str]
    findings: dict[str, Any]
    account: int

    @property
    def machine(self) -> Machine:
        return self.site.machine


@pytest.fixture(scope="module")
def fetch(appliance: Machine, client: Neighbour) -> Fetch:
    site = Site(appliance, client, ADDRESS)
    wait_until(lambda: ready(site), "the appliance to serve", 60)
    sockets = appliance.run("find /run -type s -not -path /run/systemd/notify").stdout.split()
    assert any(path.endswith(".PGSQL.5432") for path in sockets)
    spy = SPY % {"folders": SECRETS, "sockets": sockets, "findings": FINDINGS}
    appliance.write("/usr/local/bin/spy", spy)
    appliance.write("/usr/local/bin/ollama", OLLAMA.replace("exec ", SLOW_AND_CURIOUS), 0o755)
    with ThreadPoolExecutor(1, "fetch") as threads:
        command: Future[CompletedProcess[str]] = threads.submit(fetched, appliance, NAME)
        downloading = f"journalctl --unit {shlex.quote(UNIT)} --output=cat | grep -q '%)'"
        appliance.wait_until(downloading)
        processes = online(appliance)
        assert not command.done()
    return Fetch(
        site=site,
        processes=processes,
        command=command.result(),
        findings=json.loads(appliance.run(f"cat {FINDINGS}").stdout),
        account=int(appliance.run("id -u cloister-fetch").stdout),
    )


def fetched(machine: Machine, name: str) -> CompletedProcess[str]:
    """What `cloister model fetch` prints, and how it ends."""
    return machine.run(f"cloister model fetch {shlex.quote(name)}", check=False)


def online(machine: Machine) -> list[tuple[str, str]]:
    """Account and name of each process of ours that is in the machine's own network."""
    network = machine.run("readlink /proc/1/ns/net").stdout.strip()
    lines = [line.split() for line in machine.run(PROCESSES).stdout.splitlines()]
    found = [line for line in lines if len(line) == 3 and line[0].startswith("cloister")]
    assert len(found) > 5, found
    return [(owner, name) for owner, name, where in found if where == network]


def starts(machine: Machine) -> int:
    """How often a unit that may go online was started since the boot."""
    log = machine.run("journalctl --boot --output=cat _PID=1").stdout
    return log.count("Started cloister-fetch@")


def test_only_the_download_is_online_while_it_runs(fetch: Fetch) -> None:
    assert fetch.processes
    assert {account for account, _ in fetch.processes} == {"cloister-fetch"}


def test_no_service_is_online_afterwards(fetch: Fetch) -> None:
    assert online(fetch.machine) == []
    state = fetch.machine.run(f"systemctl is-active {shlex.quote(UNIT)}", check=False)
    assert state.stdout == "inactive\n"


def test_it_prints_its_progress(fetch: Fetch) -> None:
    assert fetch.command.returncode == 0, fetch.command.stderr
    assert "%)" in fetch.command.stdout
    assert f"{NAME} has arrived." in fetch.command.stdout


def test_the_model_is_listed_and_answers(fetch: Fetch) -> None:
    site = fetch.site
    assert NAME in site.machine.run("cloister model list").stdout
    site.cli("model use search fake-embed:latest")
    site.cli(f"model use chat {NAME}")
    site.claim()
    with site.program() as program:
        document = program.upload("bell.txt", BELL.encode()).json()["id"]
        assert program.finished(document)["status"] == "ready"
        answer = program.ask("When was the bell of the east tower cast?")
    assert (answer.kind, answer.citations[0]["document"]) == ("generated", document)


def test_a_runner_that_was_taken_over_finds_nothing_to_send(fetch: Fetch) -> None:
    assert fetch.findings["user"] == fetch.account
    # Hidden ones are not there, or empty, or closed.
    closed = {"[]", "FileNotFoundError", "PermissionError"}
    assert set(fetch.findings["folders"]) == set(SECRETS)
    assert set(fetch.findings["folders"].values()) <= closed, fetch.findings["folders"]
    assert "connected" not in fetch.findings["sockets"].values(), fetch.findings["sockets"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("registry.example/library/tiny", "models are fetched from registry.ollama.ai only"),
        ("gpt-oss:cloud", "another company's computers"),
        ("../../etc/passwd", "models are fetched from"),
        ("tiny model", "is not the name of a model"),
    ],
)
def test_a_refused_name_starts_nothing(fetch: Fetch, name: str, sentence: str) -> None:
    before = starts(fetch.machine)
    refused = fetched(fetch.machine, name)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert starts(fetch.machine) == before


def test_a_download_that_fails_says_why(fetch: Fetch) -> None:
    before = starts(fetch.machine)
    for name, sentence in (
        ("missing", "The registry has no model “missing:latest”."),
        ("offline", "The registry cannot be reached: "),
    ):
        failed = fetched(fetch.machine, name)
        assert failed.returncode == 1
        assert sentence in failed.stderr
        assert name not in fetch.machine.run("cloister model list").stdout
    assert starts(fetch.machine) == before + 2
    assert online(fetch.machine) == []


def test_only_root_takes_the_machine_online(fetch: Fetch) -> None:
    """Neither the supervisor's account, by any way to systemd, nor anybody else's."""
    machine, before = fetch.machine, starts(fetch.machine)
    unit = shlex.quote("cloister-fetch@tiny.service")
    for account in ("cloister", "cloister-fetch", "nobody"):
        as_account = f"User={account}"
        asked = machine.run_as_service(f"systemctl start {unit}", as_account, check=False)
        assert asked.returncode != 0
        assert "authenticat" in asked.stderr or "denied" in asked.stderr, asked.stderr
        asked = machine.run_as_service("cloister model fetch tiny", as_account, check=False)
        assert asked.returncode != 0
        assert "Only root" in asked.stderr
    assert starts(machine) == before
