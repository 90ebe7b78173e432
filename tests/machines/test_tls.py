"""The certificate of an installed machine: its own authority, a change, and what comes back."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from appliance.tls.model import facts_of
from tests.builders.served_certificates import answer_to, uploaded
from tests.machines.accounts import run_as, run_inside
from tests.machines.conftest import APPLIANCE
from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour
from tests.machines.programs import run_program, wait_until
from tests.machines.units import SERVICES, Units
from tests.machines.visitor import ROOT, Site

LIB = "/var/lib/cloister"
SERVED, AUTHORITY = f"{LIB}/tls/served.pem", f"{LIB}/authority/authority.pem"
# The network card of a machine in a network of tests.
CARD = "host0"
CERTIFICATE, KEY = "/root/certificate.pem", "/root/key.pem"
OTHERS = (
    *("cloister", "cloister-chat", "cloister-ingest", "cloister-ollama", "cloister-postgres"),
    *("cloister-fetch", "cloister-offsite", "cloister-repository", "cloister-backup", "nobody"),
)


@pytest.fixture(scope="module")
def site(appliance: Machine, client: Neighbour) -> Site:
    """The machine with its network: its certificate names the address by then."""
    site = Site(appliance, client, APPLIANCE)
    wait_until(lambda: APPLIANCE in shown(site)["served"]["names"], "the address to be named", 60)
    Units(appliance).wait_until_all_ready()
    return site


@pytest.fixture(autouse=True)
def _no_trial(site: Site) -> Iterator[None]:
    yield
    if shown(site)["trial"]:
        site.machine.run("cloister tls rollback")


def shown(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.cli("tls show")
    return found


def served(site: Site) -> str:
    """The fingerprint that a visitor of the machine is shown."""
    pem = site.neighbour.run(lambda: ssl.get_server_certificate((APPLIANCE, 443), timeout=10))
    return facts_of(pem.encode()).fingerprint


def put_in_files(site: Site, names: tuple[str, ...]) -> str:
    """Give root a certificate of another authority; return its fingerprint."""
    issued = uploaded(*names)
    site.machine.write(CERTIFICATE, issued.chain_pem.decode(), 0o600)
    site.machine.write(KEY, issued.key_pem.decode(), 0o600)
    return facts_of(issued.pem).fingerprint


def test_a_client_that_trusts_the_root_alone_reaches_it_by_name_and_by_address(
    site: Site, tmp_path: Path
) -> None:
    root = tmp_path / "root.pem"
    root.write_text(site.machine.run("cloister tls show --root").stdout)
    resolved = f"{site.host}:443:{APPLIANCE}"

    def connect(*options: str, host: str) -> int:
        command = ("curl", "--silent", "--noproxy", "*", "--resolve", resolved, *options)
        return subprocess.run((*command, f"https://{host}/sign-in"), check=False).returncode

    for host in (site.host, APPLIANCE):
        assert site.neighbour.run(partial(connect, "--cacert", str(root), host=host)) == 0, host
        assert site.neighbour.run(partial(connect, host=host)) == 60, host
    facts = facts_of(site.machine.run(f"cat {LIB}/certificates/certificate.pem").stdout.encode())
    assert (facts.not_after - datetime.now(UTC)).days < 397
    assert not facts.self_signed


def test_the_links_and_the_login_message_name_the_address(site: Site) -> None:
    assert site.cli("claim")["link"].startswith(f"https://{APPLIANCE}/admin/claim#")
    assert f"https://{APPLIANCE}/" in site.machine.run("cat /run/cloister/motd/motd").stdout


def test_only_the_web_server_and_who_makes_it_read_the_key(site: Site) -> None:
    for path in (SERVED, AUTHORITY):
        assert "PRIVATE KEY" in run_as(site.machine, "cloister-tls", f"cat {path}").stdout
        for account in OTHERS:
            assert run_as(site.machine, account, f"cat {path}").returncode != 0, account
    assert "PRIVATE KEY" in run_as(site.machine, "cloister-nginx", f"cat {SERVED}").stdout
    assert run_as(site.machine, "cloister-nginx", f"cat {AUTHORITY}").returncode != 0


@pytest.mark.parametrize("path", [SERVED, AUTHORITY, f"{LIB}/tls", f"{LIB}/authority"])
def test_the_supervisors_account_reads_no_key_in_its_own_place_either(
    site: Site, path: str
) -> None:
    inside = run_inside(site.machine, "cloister", SERVICES["supervisor"], f"cat {path}/* {path}")
    assert inside.returncode != 0
    assert "PRIVATE" not in inside.stdout
    # What is no secret it reads.
    public = run_inside(site.machine, "cloister", SERVICES["supervisor"], f"cat {ROOT}")
    assert "BEGIN CERTIFICATE" in public.stdout


def test_whoever_takes_over_the_web_server_changes_no_certificate(site: Site) -> None:
    for path in (SERVED, AUTHORITY, ROOT):
        tried = f"cp /etc/hostname {path} || rm {path}"
        assert run_inside(site.machine, "cloister-nginx", SERVICES["nginx"], tried).returncode != 0


def test_a_certificate_of_another_authority_is_served_and_confirmed(site: Site) -> None:
    before, pid = served(site), Units(site.machine).pid("nginx")
    fingerprint = put_in_files(site, (site.host,))
    used = site.cli(f"tls use {CERTIFICATE} --key {KEY}")
    assert used["changed"], used
    assert served(site) == fingerprint
    assert site.cli("tls confirm")["confirmed"]
    # A reload, and not a restart.
    assert Units(site.machine).pid("nginx") == pid
    assert site.cli("doctor")["healthy"] is True
    site.machine.run("cloister tls rollback")
    site.machine.run("cloister tls confirm")
    assert served(site) == before


def test_without_a_confirmation_the_one_before_it_comes_back_also_after_a_restart(
    site: Site,
) -> None:
    before = served(site)
    fingerprint = put_in_files(site, (site.host,))
    site.cli(f"tls use {CERTIFICATE} --key {KEY}")
    assert served(site) == fingerprint
    Units(site.machine).kill("supervisor")
    wait_until(lambda: served(site) == before, "the certificate before it", 120)
    wait_until(lambda: shown(site)["trial"] is None, "the trial to have ended", 30)
    assert shown(site)["previous"]["fingerprint"] == fingerprint
    audit = [row["action"] for row in site.cli("audit --action certificate")]
    assert "certificate.roll_back" in audit


def test_a_garbage_key_is_refused_and_the_next_restart_serves(site: Site) -> None:
    before = served(site)
    put_in_files(site, (site.host,))
    site.machine.write(KEY, "garbage", 0o600)
    refused = site.machine.run(f"cloister tls use {CERTIFICATE} --key {KEY}", check=False)
    assert refused.returncode == 1
    site.machine.run("cloister restart nginx")
    Units(site.machine).wait_for("nginx", "ready")
    assert served(site) == before


def test_an_authority_answers_a_request_of_the_machine(site: Site) -> None:
    request = site.machine.run("cloister tls csr").stdout
    answer = answer_to(request.encode())
    site.machine.write(CERTIFICATE, answer.decode())
    assert site.cli(f"tls answer {CERTIFICATE}")["changed"]
    assert served(site) == facts_of(answer).fingerprint
    site.machine.run("cloister tls confirm")
    site.machine.run("cloister tls use --own && cloister tls confirm")


def test_another_address_gives_another_certificate_of_the_same_root(site: Site) -> None:
    root = site.machine.run(f"cat {ROOT}").stdout
    address = ("address", "{}", "10.44.0.99/24", "dev", CARD)
    in_its_network(site, *(part.format("add") for part in address))
    try:
        wait_until(lambda: "10.44.0.99" in shown(site)["served"]["names"], "the new address", 90)
        assert site.machine.run(f"cat {ROOT}").stdout == root
    finally:
        in_its_network(site, *(part.format("del") for part in address))


def in_its_network(site: Site, *arguments: str) -> None:
    """Run this computer's `ip` in the network of the machine, which has none."""
    run_program("nsenter", f"--target={site.machine.process().pid}", "--net", "ip", *arguments)


def test_the_certificate_is_what_it_was_after_a_restart_of_the_machine(
    site: Site, appliance: Machine
) -> None:
    before = served(site)
    appliance.run("systemctl restart cloister.target")
    Units(appliance).wait_until_all_ready(60)
    assert served(site) == before


def test_nothing_of_a_request_is_left(site: Site) -> None:
    put_in_files(site, (site.host,))
    site.cli(f"tls use {CERTIFICATE} --key {KEY} --check")
    left = site.machine.run("ls /run/cloister/operations/tls").stdout.split()
    assert "request" not in left
