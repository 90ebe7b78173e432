"""What each service may do on a booted machine: little, and for each something else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.machines.machine import Machine
from tests.machines.sandbox import run_in_sandbox, services

HIGHEST_EXPOSURE = 1.0
# Loading a packet filter takes the machine's network, the right to it, and a socket to the kernel,
# which alone are worth this much. It has ended before the first port is open.
HIGHER_EXPOSURE = {"cloister-firewall.service": 1.1}
SERVICES = services()
# They run, do their one thing, and are gone: there is no process to look at.
FLEETING = {
    "cloister-backup@set.service",
    "cloister-prune.service",
    "cloister-repository-share.service",
    "cloister-offsite@1.service",
    "cloister-acme.service",
    "cloister-restore.service",
    "cloister-fetch@1.service",
    "cloister-firewall.service",
    "cloister-migrate.service",
    "cloister-tls.service",
}
RUNNING = [service for service in SERVICES if service not in FLEETING]
# The filter belongs to the machine's network, so the rights to it are all that its loader has.
CAPABILITIES = {"cloister-firewall.service": 1 << 12}  # CAP_NET_ADMIN

# Where a machine keeps what changes; the rest of it is programs and settings that all may read.
CHANGING = ("/home", "/root", "/run", "/var")
# The one socket of the machine that a service keeps, to say that it is ready, a folder of its own
# for temporary files, and the settings that were last without an error.
DATA = "/var/lib/cloister"
EVERYBODYS = ("/run/systemd/notify", "/var/tmp", f"{DATA}/settings")
SOCKETS = "/run/cloister"
FOLDERS = (
    *(f"{SOCKETS}{name}" for name in ("", "/postgres", "/chat", "/console", "/control")),
    *(f"{SOCKETS}{name}" for name in ("/ingest", "/ollama", "/nginx", "/health", "/motd")),
    *(f"{DATA}{name}" for name in ("", "/postgres", "/documents", "/documents/incoming")),
    *(f"{DATA}{name}" for name in ("/ollama", "/ollama/models", "/ollama/.ollama")),
    *(f"{DATA}{name}" for name in ("/state", "/settings", "/tls", "/authority", "/certificates")),
    *(f"{DATA}{name}" for name in ("/backup", "/repository", "/repository/data", "/offsite")),
    *(f"{DATA}/acme", f"{SOCKETS}/acme", f"{SOCKETS}/operations/acme"),
    *(f"{SOCKETS}{name}" for name in ("/repository", "/offsite", "/operations")),
    *(f"{SOCKETS}/operations/{name}" for name in ("set", "prune", "offsite-1", "restore", "tls")),
    *("/", "/etc", "/etc/cloister", "/home", "/opt", "/root", "/run", "/srv"),
    *("/run/dbus", "/run/systemd/private", "/run/lock", "/run/log/journal", "/run/user"),
    *("/usr", "/usr/share/cloister", "/usr/local/bin", "/var", "/var/log", "/var/log/journal"),
    *("/var/lib/dpkg", "/var/cache/apt", "/var/spool"),
)


@dataclass(frozen=True, slots=True)
class Powers:
    """Where a service may write, and where else, of what changes, it finds something to read."""

    writes: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()


def powers(*, writes: str = "", reads: str = "") -> Powers:
    return Powers(frozenset(writes.split()), frozenset(reads.split()))


DOCUMENTS = f"{DATA}/documents {DATA}/documents/incoming"
MODELS = f"{DATA}/ollama {DATA}/ollama/models"
OPERATIONS = f"{SOCKETS}/operations"
REPOSITORY = f"{DATA}/repository {DATA}/repository/data"
POWERS = {
    "cloister.service": powers(
        writes=f"{SOCKETS}/console {SOCKETS}/control {SOCKETS}/health {SOCKETS}/motd {DATA}/state"
        f" {DATA}/settings {DATA}/offsite {DOCUMENTS} {OPERATIONS}/set {OPERATIONS}/prune"
        f" {OPERATIONS}/offsite-1 {OPERATIONS}/restore {OPERATIONS}/tls {OPERATIONS}/acme",
        reads=f"{SOCKETS} {SOCKETS}/postgres {SOCKETS}/chat {SOCKETS}/ingest {SOCKETS}/ollama"
        f" {SOCKETS}/nginx {SOCKETS}/repository {DATA} {DATA}/backup {DATA}/certificates /run/dbus"
        " /run/log/journal /var/log/journal",
    ),
    "cloister-backup-server.service": powers(writes=f"{REPOSITORY} {SOCKETS}/repository"),
    "cloister-backup@set.service": powers(
        writes=f"{DATA}/backup {OPERATIONS}/set",
        reads=f"{SOCKETS}/postgres {SOCKETS}/repository {SOCKETS}/offsite {DOCUMENTS} {DATA}/tls"
        f" {DATA}/authority {DATA}/offsite",
    ),
    "cloister-prune.service": powers(writes=f"{REPOSITORY} {OPERATIONS}/prune"),
    "cloister-repository-share.service": powers(writes=REPOSITORY),
    "cloister-offsite@1.service": powers(
        writes=f"{SOCKETS}/offsite {OPERATIONS}/offsite-1 {DATA}/offsite", reads=REPOSITORY
    ),
    "cloister-restore.service": powers(
        writes=f"{DATA}/postgres {DOCUMENTS} {MODELS} {OPERATIONS}/restore",
        reads=f"{SOCKETS}/postgres {SOCKETS}/repository {SOCKETS}/offsite",
    ),
    "cloister-acme.service": powers(writes=f"{DATA}/acme {SOCKETS}/acme {OPERATIONS}/acme"),
    "cloister-fetch@1.service": powers(writes=MODELS),
    "cloister-firewall.service": powers(),
    "cloister-ingest.service": powers(
        writes=f"{SOCKETS}/ingest {DOCUMENTS}", reads=f"{SOCKETS}/postgres {SOCKETS}/ollama"
    ),
    "cloister-migrate.service": powers(reads=f"{SOCKETS}/postgres"),
    "cloister-nginx.service": powers(
        writes=f"{SOCKETS}/nginx",
        reads=f"{SOCKETS}/chat {SOCKETS}/console {SOCKETS}/acme {DATA}/tls",
    ),
    "cloister-tls.service": powers(
        writes=f"{DATA}/tls {DATA}/authority {DATA}/certificates {OPERATIONS}/tls"
    ),
    "cloister-ollama.service": powers(
        writes=f"{DATA}/ollama/.ollama", reads=f"{DATA}/ollama/models"
    ),
    "cloister-ollama-proxy.service": powers(),
    "cloister-postgres.service": powers(writes=f"{SOCKETS}/postgres {DATA}/postgres"),
    "cloister-webchat@1.service": powers(
        writes=f"{SOCKETS}/chat {DOCUMENTS}",
        reads=f"{SOCKETS}/postgres {SOCKETS}/ollama {SOCKETS}/health",
    ),
}


def processes(machine: Machine, service: str) -> list[str]:
    """The numbers of all processes of a service, and at least one."""
    group = machine.run(f"systemctl show --property=ControlGroup --value {service}").stdout.strip()
    assert group, f"{service} does not run"
    # systemd-nspawn lets the machine see its own part of the hierarchy only.
    found = machine.run(f"cat '/sys/fs/cgroup{group}/cgroup.procs'").stdout.split()
    assert found, f"{service} has no process"
    return found


def status(machine: Machine, process: str) -> dict[str, str]:
    return fields(machine.run(f"cat /proc/{process}/status").stdout)


def fields(text: str) -> dict[str, str]:
    lines = [line.partition(":") for line in text.splitlines()]
    return {name: value.strip() for name, _, value in lines}


@pytest.fixture(scope="module", autouse=True)
def proxied(appliance: Machine) -> None:
    """The proxy of the model runner is started by whoever asks first."""
    appliance.run("cloister model list")


@pytest.mark.parametrize("service", SERVICES)
def test_exposure_is_small(appliance: Machine, service: str) -> None:
    judged = appliance.run(f"systemd-analyze security --no-pager {service}", check=False).stdout
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged)
    assert level, judged
    assert float(level[1]) <= HIGHER_EXPOSURE.get(service, HIGHEST_EXPOSURE), judged


@pytest.mark.parametrize("service", RUNNING)
def test_every_process_is_in_a_network_of_its_own(appliance: Machine, service: str) -> None:
    machines = appliance.run("readlink /proc/1/ns/net").stdout
    for process in processes(appliance, service):
        assert appliance.run(f"readlink /proc/{process}/ns/net").stdout != machines
        cards = appliance.run(f"tail -n +3 /proc/{process}/net/dev").stdout.splitlines()
        assert [card.partition(":")[0].strip() for card in cards] == ["lo"]
        routes = appliance.run(f"tail -n +2 /proc/{process}/net/route").stdout
        assert routes == ""


@pytest.mark.parametrize("service", RUNNING)
def test_no_process_has_a_right_that_others_lack(appliance: Machine, service: str) -> None:
    for process in processes(appliance, service):
        found = status(appliance, process)
        # Not CapInh: systemd leaves two there, which are of no use without a bounding set.
        for kind in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(found[kind], 16) == 0, f"{kind} of {found['Name']}"
        assert found["NoNewPrivs"] == "1"
        assert found["Seccomp"] == "2", "no filter of system calls"
        assert "0" not in found["Uid"].split() + found["Gid"].split() + found["Groups"].split()


def test_every_service_has_an_account_of_its_own(appliance: Machine) -> None:
    owners = {
        service: {status(appliance, process)["Uid"] for process in processes(appliance, service)}
        for service in RUNNING
    }
    assert all(len(accounts) == 1 for accounts in owners.values()), owners
    assert len(set.union(*owners.values())) == len(RUNNING), owners


def test_no_login_as_one_of_the_accounts_is_possible(appliance: Machine) -> None:
    shadow = appliance.run("grep ^cloister /etc/shadow").stdout.splitlines()
    assert len(shadow) == 12
    assert all(line.split(":")[1].startswith(("!", "*")) for line in shadow)
    shells = appliance.run("grep ^cloister /etc/passwd").stdout.splitlines()
    assert {line.split(":")[6] for line in shells} == {"/usr/sbin/nologin"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_finds_what_is_its_own_and_no_more(appliance: Machine, service: str) -> None:
    found = run_in_sandbox(appliance, service, "127.0.0.1", "::1", "1", *FOLDERS)
    expected = POWERS[service]
    assert set(found["written"]) == expected.writes
    allowed = {*expected.writes, *expected.reads, *EVERYBODYS}
    # In the folders above an allowed one there is nothing but the way to it.
    ways = {str(parent) for each in allowed for parent in Path(each).parents}
    assert {each for each in found["listed"] if each.startswith(CHANGING)} <= allowed | ways


@pytest.mark.parametrize("service", SERVICES)
def test_the_sandbox_takes_every_right_away(appliance: Machine, service: str) -> None:
    found = fields(run_in_sandbox(appliance, service, "127.0.0.1", "::1", "1")["status"])
    assert int(found["CapEff"], 16) == CAPABILITIES.get(service, 0)
    assert int(found["CapBnd"], 16) == CAPABILITIES.get(service, 0)
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert "0" not in found["Uid"].split()


def test_secrets_are_closed_to_all_accounts_but_their_own(appliance: Machine) -> None:
    """Even without any sandbox: what the rights of the files alone give away."""
    secrets = {
        f"{DATA}/tls/served.pem": {"cloister-nginx", "cloister-tls"},
        f"{DATA}/authority/authority.pem": {"cloister-tls"},
        f"{DATA}/postgres/data/PG_VERSION": {"cloister-postgres"},
        "/etc/credstore/cloister.backup-key": set(),
    }
    accounts = appliance.run("grep -o '^cloister[^:]*' /etc/passwd").stdout.split()
    for path, owners in secrets.items():
        readers = {
            account
            for account in accounts
            if appliance.run(
                f"setpriv --reuid={account} --regid={account} --init-groups cat {path}", check=False
            ).returncode
            == 0
        }
        assert readers == owners, path
