"""A machine that gets its certificate from an authority by itself, and each next one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.acme import TERMS, make_server_authority
from tests.machines.accounts import run_as
from tests.machines.installed import wait_until_serving
from tests.machines.machine import Machine

NAMES = ("chat.example", "www.chat.example")
FOLDER = "/srv/pebble"
DIRECTORY = "https://localhost:14000/dir"
# Due two minutes after it was made: the clock of a machine is that of the host, and cannot be set.
LASTS = timedelta(minutes=3)
SETTINGS = {
    "listenAddress": "127.0.0.1:14000",
    "managementListenAddress": "127.0.0.1:15000",
    "certificate": f"{FOLDER}/server.pem",
    "privateKey": f"{FOLDER}/server.key",
    "httpPort": 80,
    "tlsPort": 443,
    "ocspResponderURL": "",
    "externalAccountBindingRequired": False,
    "certificateValidityPeriod": round(LASTS.total_seconds()),
}
START_PEBBLE = (
    "systemd-run --unit=pebble --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=20 "
    f"pebble -config {FOLDER}/pebble.json"
)
SERVED = """/usr/bin/python3 -c '
import socket, ssl
context = ssl._create_unverified_context()
with socket.create_connection(("127.0.0.1", 443), timeout=5) as plain:
    with context.wrap_socket(plain, server_hostname="chat.example") as secured:
        print(ssl.DER_cert_to_PEM_cert(secured.getpeercert(True)))
' | openssl x509 -noout -issuer -serial -ext subjectAltName"""
USE = (
    f"cloister tls acme use {DIRECTORY} --root-file {FOLDER}/root.pem --accept-terms '{TERMS}' "
    f"--contact ada@chat.example {' '.join(f'--name {name}' for name in NAMES)} --json"
)


@pytest.fixture(scope="module")
def machine(appliance: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The appliance under a name of its own, with an authority on the same machine."""
    appliance.run("apt-get install -y pebble openssl", seconds=200)
    folder: Path = tmp_path_factory.mktemp("authority")
    authority = make_server_authority(folder)
    appliance.run(f"mkdir -p {FOLDER}")
    for path in (authority.certificate, authority.key):
        appliance.copy_in(path, FOLDER)
    appliance.write(f"{FOLDER}/root.pem", authority.root)
    appliance.write(f"{FOLDER}/pebble.json", json.dumps({"pebble": SETTINGS}))
    hosts = f"127.0.0.1 {' '.join(NAMES)}"
    appliance.run(f"echo '{hosts}' >>/etc/hosts && {START_PEBBLE}")
    appliance.run("echo CLOISTER_HOST=chat.example >>/etc/cloister/cloister.env")
    appliance.run("systemctl restart cloister.target && systemctl start cloister.service")
    wait_until_serving(appliance)
    return appliance


@pytest.fixture(scope="module")
def served(machine: Machine) -> Iterator[str]:
    """What Nginx serves after the set-up."""
    machine.run(USE, seconds=120)
    machine.wait_until(f"{SERVED} | grep Pebble", 120)
    yield machine.run(SERVED).stdout
    machine.run("cloister tls acme off --yes")


def shown(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        machine.run("cloister tls acme show --json", check=False).stdout
    )
    return found


def test_the_certificate_of_the_authority_is_served_for_each_name(
    machine: Machine, served: str
) -> None:
    for name in NAMES:
        assert f"DNS:{name}" in served
    found = shown(machine)
    assert sorted(found["state"]["names"]) == sorted(NAMES)
    assert (found["state"]["failed"], found["state"]["error"]) == ([], "")
    assert machine.run("ls -A /run/cloister/acme").stdout == ""


def test_it_is_renewed_by_itself_and_served_without_a_restart(
    machine: Machine, served: str
) -> None:
    process = "systemctl show --property=MainPID --value cloister-nginx.service"
    before = machine.run(process).stdout
    serial = next(line for line in served.splitlines() if line.startswith("serial="))
    machine.wait_until(f"{SERVED} | grep Pebble && ! {SERVED} | grep {serial}", 400)
    assert machine.run(process).stdout == before


def test_each_process_sees_its_own_keys_only(machine: Machine, served: str) -> None:
    accounts, keys = "/var/lib/cloister/acme", "/var/lib/cloister/tls"
    assert machine.run(f"find {accounts} -name 'account-*.json'").stdout
    for account in ("cloister", "cloister-nginx", "cloister-tls", "cloister-chat"):
        assert run_as(machine, account, f"ls {accounts}").returncode != 0
    assert run_as(machine, "cloister-acme", f"ls {keys}").returncode != 0
    assert run_as(machine, "cloister", f"cat {keys}/*").returncode != 0


def test_going_online_for_it_is_no_alarm(machine: Machine, served: str) -> None:
    listing = machine.run("nft list counters table inet cloister").stdout
    assert listing.count("packets 0 ") == listing.count("counter ") > 0
    checks = json.loads(machine.run("cloister doctor --json", check=False).stdout)
    states = {result["check"]: result["state"] for result in checks["checks"]}
    assert states["networks"] == states["firewall"] == "ok"
