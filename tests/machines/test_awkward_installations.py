"""Machines on which an installation has it hard: others are there already, or the power fails."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.machines.installed import assert_debians_own_are_off, install_package
from tests.machines.machine import Fresh, Machine
from tests.machines.neighbour import Neighbour
from tests.machines.network import Network
from tests.machines.programs import MachineError, wait_until
from tests.machines.visitor import Site, serves

OWN_SITE = "server { listen 80; listen 443; location / { return 200 own-site; } }\n"
# What Debian's postgresql@15-main.service is as far as its common service is concerned.
OTHER_CLUSTER = """
[Unit]
PartOf=postgresql.service
[Service]
ExecStart=/usr/bin/sleep infinity
"""
# A disk that somebody has to unlock: mounting it fails until then.
DISK = """
[Unit]
Requires=unlocked.service
After=unlocked.service
[Mount]
What=/srv/disk
Where=/var/lib/cloister
Type=none
Options=bind
"""
UNLOCKED = """
[Service]
Type=oneshot
ExecStart=/usr/bin/test -e /run/unlocked
"""
OWN_ROWS = "select count(*) from ledger"
SQL = "su postgres -c \"psql --tuples-only --no-align --command '{}'\""


def test_what_an_administrator_had_before_goes_on(
    fresh: Fresh, package: Path, network: Network, client: Neighbour
) -> None:
    """A site on our ports and a database: neither is touched, and the conflict is told."""
    place = network.place("10.44.0.9")
    with fresh("occupied") as machine:
        machine.boot(place)
        machine.run("apt-get install -y --no-install-recommends nginx postgresql-17", seconds=300)
        machine.write("/etc/nginx/sites-enabled/default", OWN_SITE)
        machine.run("systemctl restart nginx")
        machine.run(SQL.format("create table ledger as select generate_series(1, 42)"))
        before = machine.run("systemctl show --property=MainPID nginx postgresql@17-main").stdout
        assert "MainPID=0" not in before

        printed = install_package(machine, package)
        after = machine.run("systemctl show --property=MainPID nginx postgresql@17-main").stdout
        assert after == before
        assert machine.run(SQL.format(OWN_ROWS)).stdout == "42\n"
        enabled = machine.run("systemctl is-enabled nginx postgresql", check=False).stdout
        assert enabled.split() == ["enabled", "enabled"]
        assert own_page(machine) == "own-site"

        assert "(nginx) serves port 80 and 443" in printed
        assert "sudo systemctl restart cloister.target" in printed
        assert machine.run("dpkg --audit").stdout == ""
        status = machine.run("cloister status", check=False)
        assert status.returncode != 0
        doctor = machine.run("cloister doctor", check=False)
        assert doctor.returncode != 0
        assert "is in use by nginx" in " ".join(doctor.stdout.split())
        assert "systemctl restart cloister.target" in " ".join(doctor.stdout.split())

        machine.run("systemctl disable --now nginx && systemctl restart cloister.target")
        site = Site(machine, client, place.address)
        wait_until(lambda: serves(site), "the appliance to serve", 60)
        assert machine.run(SQL.format(OWN_ROWS)).stdout == "42\n"


def test_clusters_of_another_version_go_on(fresh: Fresh, package: Path, network: Network) -> None:
    """Debian's service of PostgreSQL is that of all clusters: stopping it would stop theirs."""
    with fresh("older") as machine:
        machine.boot(network.place("10.44.0.7"))
        machine.run("apt-get install -y --no-install-recommends postgresql-common", seconds=300)
        machine.write("/etc/systemd/system/cluster.service", OTHER_CLUSTER)
        machine.run("systemctl daemon-reload && systemctl start postgresql cluster")
        before = machine.run("systemctl show --property=MainPID cluster").stdout
        assert "MainPID=0" not in before
        install_package(machine, package)
        assert machine.run("systemctl show --property=MainPID cluster").stdout == before
        assert machine.run("pg_lsclusters --no-header").stdout == ""


def test_without_the_disk_of_its_data_nothing_starts(
    fresh: Fresh, package: Path, network: Network, client: Neighbour
) -> None:
    """An empty folder in its place would become a second, empty appliance."""
    place = network.place("10.44.0.6")
    with fresh("diskless") as machine:
        machine.boot(place)
        install_package(machine, package)
        site = Site(machine, client, place.address)
        wait_until(lambda: serves(site), "the appliance to serve", 60)
        machine.run("systemctl stop cloister.target 'cloister-*'")
        machine.run("mv /var/lib/cloister /srv/disk && mkdir /var/lib/cloister")
        machine.write("/etc/systemd/system/var-lib-cloister.mount", DISK)
        machine.write("/etc/systemd/system/unlocked.service", UNLOCKED)
        machine.run("systemctl daemon-reload")
        refused = machine.run("systemctl start cloister", check=False)
        assert refused.returncode != 0
        assert machine.run("find /var/lib/cloister -name PG_VERSION").stdout == ""
        machine.write("/run/unlocked", "")
        machine.run("systemctl start cloister")
        wait_until(lambda: serves(site), "the appliance to serve", 60)
        assert machine.run("mountpoint /var/lib/cloister").returncode == 0


def own_page(machine: Machine) -> str:
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1/').read().decode())"
    return machine.run(f'/usr/bin/python3 -c "{fetch}"').stdout.strip()


def test_an_interrupted_installation_can_be_continued(
    fresh: Fresh, package: Path, network: Network, client: Neighbour
) -> None:
    """The machine dies when all is unpacked and little is configured."""
    place = network.place("10.44.0.8")
    with fresh("interrupted") as machine:
        machine.boot(place)
        installing = threading.Thread(target=install_and_die, args=(machine, package))
        installing.start()
        log = machine.root / "var/log/dpkg.log"
        wait_until(lambda: is_configuring(log), "dpkg to configure", 300)
        machine.kill()
        installing.join()
        states = machine.root / "var/lib/dpkg/status"
        assert "Status: install ok unpacked" in text_of(states)

        machine.boot(place, accept_failed_units=True)
        machine.run("dpkg --configure -a", seconds=300)
        site = Site(machine, client, place.address)
        wait_until(lambda: serves(site), "the appliance to serve", 60)
        assert_debians_own_are_off(machine)
        assert machine.run("dpkg --audit").stdout == ""


def install_and_die(machine: Machine, package: Path) -> None:
    """Install it, and be content when the machine is gone in the middle."""
    with pytest.raises(MachineError):
        install_package(machine, package)


def is_configuring(log: Path) -> bool:
    """Whether dpkg has unpacked our package, and gone on to configure what it needs."""
    return " configure " in text_of(log).partition(" status unpacked cloister:")[2]


def text_of(file: Path) -> str:
    return file.read_text() if file.exists() else ""
