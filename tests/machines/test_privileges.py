"""What the accounts of an installed machine may do to it, and above all what they may not."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.e2e.visitor import PASSWORD
from tests.machines.accounts import ROLES, connections, query, run_as, run_inside
from tests.machines.conftest import APPLIANCE
from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour
from tests.machines.units import SERVICES, Units
from tests.machines.visitor import Site

Run = Callable[[str], subprocess.CompletedProcess[str]]
Way = Callable[[Machine, str], subprocess.CompletedProcess[str]]

OTHERS = (
    *("cloister-chat", "cloister-ingest", "cloister-nginx", "cloister-ollama", "cloister-tls"),
    "nobody",
)
OF_BACKUPS = ("cloister-backup", "cloister-repository", "cloister-offsite")
ONLINE = ("cloister-fetch", "cloister-acme")
ACCOUNTS = ("cloister", *OTHERS, "cloister-postgres", *ONLINE, *OF_BACKUPS)
# In the supervisor's place systemd's own tools do not even find whom to ask.
REFUSED = re.compile(
    r"access denied|not authorized|interactive authentication required|permission denied"
    r"|read-only file system|operation not permitted|not been booted with systemd",
    re.IGNORECASE,
)
# What an attack leaves behind when it succeeds.
TRACE = "/run/taken-over"
OWNED = "a(sasb) 1 /usr/bin/touch 2 touch " + TRACE + " false"

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = f"busctl call {SYSTEMD} /org/freedesktop/systemd1 {SYSTEMD}.Manager"
# The unit that opens a root shell on the console is on every machine.
STRANGERS = (
    "debug-shell.service",
    "systemd-tmpfiles-clean.service",
    "nginx.service",
    "postgresql.service",
    "reboot.target",
    "cloister.service",
    "cloister.target",
    "cloister-nginx.socket",
    "cloister-firewall.service",
    "cloister-ollama-proxy.service",
    "cloister-fetch@fake.service",
    "cloister-webchat@17.service",
    "cloister-webchat@01.service",
    "cloister-backup@other.service",
    "cloister-offsite@5.service",
    "cloister-repository-share.service",
    "restic-rest-server.service",
)
LISTED = ("cloister-nginx.service", "cloister-webchat@16.service")
CALLS = {
    **{f"{verb} {name}": f"{MANAGER} {verb} ss {name} replace"
       for name in STRANGERS for verb in ("StartUnit", "StopUnit", "RestartUnit")},
    **{f"transient {name}":
       f"{MANAGER} StartTransientUnit 'ssa(sv)a(sa(sv))' {name} fail 1 ExecStart '{OWNED}' 0"
       .replace(f"'{OWNED}'", OWNED.replace("a(sasb)", "'a(sasb)'"))
       for name in ("made-up.service", "cloister-made-up.service", *LISTED)},
    "reload": f"{MANAGER} Reload",
    "reexecute": f"{MANAGER} Reexecute",
    "power off": f"{MANAGER} PowerOff",
    "environment": f"{MANAGER} SetEnvironment as 1 A=b",
    "enable": f"{MANAGER} EnableUnitFiles asbb 1 debug-shell.service true true",
    "disable": f"{MANAGER} DisableUnitFiles asb 1 cloister.service false",
    "mask": f"{MANAGER} MaskUnitFiles asbb 1 cloister-nginx.service true true",
    "link": f"{MANAGER} LinkUnitFiles asbb 1 /tmp/cloister-nginx.service true true",
    # Of a unit that is not loaded systemd says only that.
    **{f"kill {name}": f"{MANAGER} KillUnit ssi {name} all 9"
       for name in ("cloister.service", "cloister-ollama-proxy.service",
                    "systemd-journald.service")},
    "property": f"{MANAGER} SetUnitProperties 'sba(sv)' cloister-nginx.service true 1"
    " CPUWeight t 5",
    "bind": f"{MANAGER} BindMountUnit sssbb cloister-nginx.service /etc/shadow /run/x false true",
    "clean": f"{MANAGER} CleanUnit sas cloister-postgres.service 1 all",
    "freeze": f"{MANAGER} FreezeUnit s cloister-nginx.service",
    "reload a unit": f"{MANAGER} ReloadUnit ss cloister-nginx.service replace",
    "enqueue": f"{MANAGER} EnqueueUnitJob sss debug-shell.service start replace",
    "a unit's own object": "busctl call org.freedesktop.systemd1"
    " /org/freedesktop/systemd1/unit/debug_2dshell_2eservice"
    " org.freedesktop.systemd1.Unit Start s replace",
    "host name": "busctl call org.freedesktop.hostname1 /org/freedesktop/hostname1"
    " org.freedesktop.hostname1 SetStaticHostname sb other false",
    "login manager": "busctl call org.freedesktop.login1 /org/freedesktop/login1"
    " org.freedesktop.login1.Manager PowerOff b false",
}  # fmt: skip
TOOLS = {
    "systemctl start": "systemctl start debug-shell.service",
    "systemctl poweroff": "systemctl poweroff",
    "systemd-run": f"systemd-run --unit=made-up touch {TRACE}",
    "systemd-run, listed": f"systemd-run --unit=cloister-nginx touch {TRACE}",
    "systemd-run, instance": f"systemd-run --unit=cloister-webchat@16 touch {TRACE}",
    "edit": "printf '[Service]\\nUser=root\\n' | systemctl edit --runtime --stdin"
    " --drop-in=own.conf cloister-nginx.service",
    "runtime drop-in": "mkdir -p /run/systemd/system/cloister-nginx.service.d",
    "lasting drop-in": "mkdir -p /etc/systemd/system/cloister-nginx.service.d",
    "runtime unit": "mkdir -p /run/systemd/system"
    " && touch /run/systemd/system/cloister-webchat@16.service",
    "transient unit": "mkdir -p /run/systemd/transient"
    " && touch /run/systemd/transient/cloister-nginx.service",
    "packaged unit": "touch /usr/lib/systemd/system/cloister-nginx.service",
    "program": "touch /usr/bin/cloister",
    "code": "touch /usr/share/cloister/appliance/__main__.py",
    "setting": "touch /etc/cloister/cloister.env",
    "model runner": "touch /usr/local/bin/ollama",
    "rule": "touch /usr/share/polkit-1/rules.d/50-cloister.rules",
    "own rule": "touch /etc/polkit-1/rules.d/01-own.rules",
    "bus policy": "touch /usr/share/dbus-1/system.d/cloister.conf",
}


def in_its_service(machine: Machine, command: str) -> subprocess.CompletedProcess[str]:
    """As cloister, in a unit of its own that is not confined any further."""
    return machine.run_as_service(command, "User=cloister", "NoNewPrivileges=yes", check=False)


def in_its_place(machine: Machine, command: str) -> subprocess.CompletedProcess[str]:
    """As cloister, in the name spaces of the supervisor."""
    return run_inside(machine, "cloister", SERVICES["supervisor"], command)


@pytest.fixture(scope="module")
def units(appliance: Machine) -> Units:
    units = Units(appliance)
    units.wait_until_all_ready()
    return units


@pytest.fixture
def untouched(appliance: Machine, units: Units) -> Iterator[None]:
    """After the test the machine is as it was: same processes, same files, no trace."""
    files = "ls -lR --time-style=full-iso /etc/systemd /run/systemd/system /usr/lib/systemd/system"
    state = f"{files}; hostname; systemctl show-environment"
    before, pids = appliance.run(state).stdout, units.pids()
    yield
    assert appliance.run(state).stdout == before
    assert units.pids() == pids
    assert appliance.run(f"ls {TRACE}", check=False).returncode != 0
    assert (
        appliance.run("systemctl is-active debug-shell", check=False).stdout.strip() == "inactive"
    )


def expect_refusals(run: Run, attacks: dict[str, str]) -> None:
    assert run("true").returncode == 0
    for attack, command in attacks.items():
        done = run(command)
        assert done.returncode != 0, attack
        assert REFUSED.search(done.stderr), f"{attack}: {done.stderr}"


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("way", [in_its_service, in_its_place])
def test_the_supervisors_account_is_refused_all_else(appliance: Machine, way: Way) -> None:
    assert way(appliance, "id --user --name").stdout == "cloister\n"
    expect_refusals(partial(way, appliance), {**CALLS, **TOOLS})


@pytest.mark.parametrize("way", [in_its_service, in_its_place])
def test_the_supervisors_account_steers_the_listed_units(
    appliance: Machine, units: Units, way: Way
) -> None:
    before = units.pid("ingest")
    restart = f"{MANAGER} RestartUnit ss cloister-ingest.service replace"
    assert way(appliance, restart).returncode == 0
    appliance.wait_until(f"[ $(systemctl show -P MainPID cloister-ingest) -ne {before} ]")
    units.wait_for("ingest", "ready")
    stop = f"{MANAGER} StopUnit ss cloister-ingest.service replace"
    assert way(appliance, stop).returncode == 0
    appliance.wait_until("! systemctl is-active --quiet cloister-ingest")
    start = f"{MANAGER} StartUnit ss cloister-ingest.service replace"
    assert way(appliance, start).returncode == 0
    units.wait_for("ingest", "ready")


def test_every_listed_name_has_its_file(appliance: Machine) -> None:
    """A name without one could be made up, and would run as root."""
    rules = appliance.run("cat /usr/share/polkit-1/rules.d/50-cloister.rules").stdout
    names = re.findall(r'^ +"(cloister-\S+\.service)"', rules, re.MULTILINE)
    assert len(names) > len(LISTED)
    show = "systemctl show --property=LoadState,FragmentPath"
    for name in names:
        shown = appliance.run(f"{show} {name}").stdout
        assert "LoadState=loaded" in shown, name
        assert "FragmentPath=/usr/lib/systemd/system/cloister-" in shown, name


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("account", [*OTHERS, *OF_BACKUPS])
def test_other_accounts_steer_nothing(appliance: Machine, account: str) -> None:
    listed = {
        f"{verb} {name}": f"{MANAGER} {verb} ss {name} replace"
        for name in LISTED
        for verb in ("StartUnit", "StopUnit", "RestartUnit")
    }
    expect_refusals(partial(run_as, appliance, account), {**listed, **CALLS, **TOOLS})


@pytest.mark.parametrize("account", ["root", *ACCOUNTS])
def test_an_account_gets_its_own_role_and_no_other(appliance: Machine, account: str) -> None:
    # The account of the database restores into it; it owns the files of it in any case.
    own = {"cloister-postgres": "cloister"}.get(account, account.replace("-", "_"))
    for role in (*ROLES, "postgres"):
        done = query(appliance, account, role, "SELECT current_user")
        if role == own and role in ROLES:
            assert done.stdout.strip() == role
        else:
            assert done.returncode != 0
            assert re.search("Peer authentication failed|does not exist", done.stderr), done.stderr


DENIED = {
    "cloister_chat": (
        "SELECT * FROM core.audit",
        "SELECT * FROM core.job",
        "UPDATE core.account SET role = 'operator'",
        "SELECT password_digest FROM core.account",
        "INSERT INTO core.session SELECT 'x', id, now(), now(), 'infinity' FROM core.account",
        "SELECT core.open_session(id, 'x', 'x', now(), 'infinity') FROM core.account",
        "INSERT INTO core.account DEFAULT VALUES",
        "DELETE FROM core.audit",
        "UPDATE core.audit SET actor = 'x'",
        "INSERT INTO core.audit (at, actor, action) VALUES (now(), 'x', 'y')",
        "INSERT INTO core.audit_link VALUES (1, 1, 'x')",
        "SELECT core.prune_audit('30 days', 1)",
        "INSERT INTO library.chunk DEFAULT VALUES",
    ),
    "cloister_ingest": (
        "SELECT * FROM core.account",
        "SELECT * FROM core.session",
        "SELECT * FROM core.api_key",
        "SELECT * FROM chat.conversation",
        "SELECT * FROM chat.message",
        "INSERT INTO library.document DEFAULT VALUES",
    ),
    "cloister_backup": (
        "UPDATE core.account SET role = 'operator'",
        "DELETE FROM chat.message",
        "INSERT INTO library.document DEFAULT VALUES",
        "TRUNCATE core.audit",
    ),
}
DENIED_TO_ALL = (
    "SET ROLE cloister",
    "SET ROLE cloister_accounts",
    "SET ROLE cloister_audit",
    "SET SESSION AUTHORIZATION cloister",
    "CREATE TABLE library.own ()",
    "CREATE TABLE public.own ()",
    "CREATE ROLE own",
    "DROP TABLE core.account",
    "ALTER SYSTEM SET log_statement = 'all'",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'touch /tmp/own'",
    "CREATE EXTENSION amcheck",
)


@pytest.mark.parametrize("role", DENIED)
def test_a_role_reads_and_changes_only_what_it_must(appliance: Machine, role: str) -> None:
    account = role.replace("_", "-")
    for statement in (*DENIED[role], *DENIED_TO_ALL):
        done = query(appliance, account, role, statement)
        assert done.returncode != 0, statement
        assert re.search("permission denied|must be owner", done.stderr), (
            f"{statement}: {done.stderr}"
        )


# Who may connect; everybody else is kept away.
SOCKETS = {
    "/run/cloister/control/control.sock": {"cloister"},
    "/run/cloister/console/console.sock": {"cloister", "cloister-nginx"},
    "/run/cloister/chat/1.sock": {"cloister", "cloister-nginx", "cloister-chat"},
    "/run/cloister/commands/1.sock": {"cloister", "cloister-chat"},
    "/run/cloister/ingest/ingest.sock": {"cloister", "cloister-ingest"},
    "/run/cloister/nginx/health.sock": {"cloister", "cloister-nginx"},
    "/run/cloister/nginx/tls.sock": {"cloister", "cloister-nginx"},
    "/run/cloister/ollama/ollama.sock": {"cloister", "cloister-chat", "cloister-ingest"},
    # Not the supervisor: it could fill the backups with its own.
    "/run/cloister/repository/repository.sock": {"cloister-backup", "cloister-repository"},
}


@pytest.mark.usefixtures("units")
def test_a_socket_is_for_those_who_need_it(appliance: Machine) -> None:
    found = connections(appliance, SOCKETS, ACCOUNTS)
    for path, may in SOCKETS.items():
        connected = {account for account, how in found[path].items() if how == "connected"}
        assert connected == may, path
        refused = {how for account, how in found[path].items() if account not in may}
        assert refused == {"EACCES"}, path


# Looks for secrets where other accounts, or whoever reads logs, could find them.
SCAN = """
import json, pathlib, subprocess, sys
secrets = json.load(sys.stdin)
places = {"journal": subprocess.run(["journalctl", "--all", "--output=export"],
                                    capture_output=True).stdout}
for process in pathlib.Path("/proc").glob("[0-9]*"):
    for name in ("cmdline", "environ"):
        try:
            places[str(process / name)] = (process / name).read_bytes()
        except OSError:
            pass
for folder in ("/run/cloister", "/var/log", "/etc", "/tmp"):
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file():
            places[str(path)] = path.read_bytes()
print(json.dumps([[name, place] for name, secret in secrets.items()
                  for place, content in places.items() if secret.encode() in content]))
"""


def found_in(machine: Machine, secrets: dict[str, str]) -> list[list[str]]:
    """Which of the secrets lie openly about, and where."""
    done = machine.run(f"/usr/bin/python3 -c {shlex.quote(SCAN)}", content=json.dumps(secrets))
    found: list[list[str]] = json.loads(done.stdout)
    return found


def test_no_secret_lies_openly_about(appliance: Machine, client: Neighbour) -> None:
    site = Site(appliance, client, APPLIANCE)
    code = site.cli("claim")["code"]
    # A secret of the test's own shows that the search finds what there is.
    appliance.run("logger canary-in-journal")
    appliance.run("systemd-run --unit=canary --setenv=C=canary-in-environment sleep infinity")
    with site.visitor() as operator:
        operator.claim(f"{site.address}/admin/claim#{code}")
        key = site.cli("api-key create machine")["key"]
        rescue = site.cli("rescue")["code"]
        answer = operator.http.get("/", headers={"Authorization": f"Bearer {key}"})
        assert answer.is_success
        tokens = {f"session {name}": value for name, value in operator.http.cookies.items()}
        assert tokens
        secrets = {"claim code": code, "key": key, "password": PASSWORD, "rescue": rescue}
        assert found_in(appliance, secrets | tokens) == []
    canaries = found_in(appliance, {"j": "canary-in-journal", "e": "canary-in-environment"})
    assert {name for name, _ in canaries} == {"j", "e"}
