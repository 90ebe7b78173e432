"""Be one of a machine's accounts: beside everything, or in the place of one of its services."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterable

from tests.machines.machine import Machine

ROLES = ("cloister", "cloister_chat", "cloister_ingest", "cloister_backup")
DATABASE = "/run/cloister/postgres"
# Without capabilities, and without a way to them.
_CONFINED = "--bounding-set=-all --inh-caps=-all --no-new-privs"
# Prints what came of connecting to each socket as each account.
_CONNECT = """
import errno, json, os, pwd, socket, sys
def attempt(account, path):
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError as error:
            return errno.errorcode[error.errno]
        return "connected"
found = {}
for path, *names in json.loads(sys.argv[1]):
    for name in names:
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.write(writer, attempt(pwd.getpwnam(name), path).encode())
            os._exit(0)
        os.wait()
        found.setdefault(path, {})[name] = os.read(reader, 100).decode()
print(json.dumps(found))
"""


def run_as(machine: Machine, account: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run shell text as an account that sees the whole machine."""
    return machine.run(f"cd / && {_become(account)} sh -c {shlex.quote(command)}", check=False)


def run_inside(
    machine: Machine, account: str, service: str, command: str
) -> subprocess.CompletedProcess[str]:
    """Run shell text as an account that sees the files and the network of a running service.

    An attacker who has taken it over reaches this at most: the filter of system calls, which would
    hold him back further, is missing.
    """
    show = f"systemctl show --property=MainPID --value {service}"
    inside = f"nsenter -t $({show}) -m -n -i -u"
    return machine.run(
        f"cd / && {inside} {_become(account)} sh -c {shlex.quote(command)}", check=False
    )


def _become(account: str) -> str:
    return f"setpriv --reuid={account} --regid=$(id -g {account}) --init-groups {_CONFINED}"


def query(
    machine: Machine, account: str, role: str, statement: str
) -> subprocess.CompletedProcess[str]:
    """Send a statement to the appliance's database, as an account that claims to be a role."""
    words = ("psql", "-X", "-A", "-t", "-h", DATABASE, "-U", role, "-d", "cloister")
    command = shlex.join((*words, "-v", "ON_ERROR_STOP=1", "-c", statement))
    if account == "root":
        return machine.run(command, check=False)
    return run_as(machine, account, command)


def connections(
    machine: Machine, sockets: Iterable[str], accounts: Iterable[str]
) -> dict[str, dict[str, str]]:
    """What comes of connecting to each socket as each account: “connected”, or an error's name."""
    wanted = json.dumps([[path, *accounts] for path in sockets])
    done = machine.run(f"/usr/bin/python3 -c {shlex.quote(_CONNECT)} {shlex.quote(wanted)}")
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found
