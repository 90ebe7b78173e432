"""The power fails: whatever was acknowledged is there afterwards, and everything comes up again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machines.accounts import run_as
from tests.machines.acknowledged import Acknowledged, working
from tests.machines.conftest import APPLIANCE
from tests.machines.installed import wait_until_serving
from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour
from tests.machines.network import Network
from tests.machines.programs import wait_until
from tests.machines.units import Units
from tests.machines.visitor import Site

PROGRAMS = "/usr/lib/postgresql/17/bin"
DATA = "/var/lib/cloister/postgres/data"
DAMAGE = re.compile(r"PANIC|checksum|corrupt|invalid page|could not read block")
# After how much work the current goes, counted from the moment when people begin to work.
MOMENTS: dict[str, Callable[[Acknowledged], None]] = {
    "after the first document": lambda kept: kept.until(documents=1),
    "after a question": lambda kept: kept.until(documents=4, questions=3),
    "after an answer": lambda kept: kept.until(documents=8, answers=4),
}


def test_nothing_acknowledged_is_lost_by_power_cuts(
    on_disk: Machine, network: Network, client: Neighbour
) -> None:
    machine, kept = on_disk, Acknowledged()
    place, units = network.place(APPLIANCE), Units(machine)
    machine.boot(place)
    wait_until_serving(machine)
    site = Site(machine, client, APPLIANCE)
    site.claim()
    for label, moment in MOMENTS.items():
        units.wait_until_all_ready()
        with working(site, kept, label.replace(" ", "-")):
            moment(kept)
            machine.cut_power()
        machine.boot(place)
        wait_until_serving(machine, 30)
        units.wait_until_all_ready()
        with site.program() as program, site.visitor() as visitor:
            assert visitor.sign_in().is_redirect
            kept.check(program, visitor)
        print(
            f"{label}: {len(kept.documents)} documents, {len(kept.questions)} questions"
            f" and {len(kept.answers)} answers are there"
        )
        expect_recovered_database(machine)
    expect_sound_files(machine)


def expect_recovered_database(machine: Machine) -> None:
    """It was interrupted, and has found no damage since."""
    journal = "journalctl --boot --no-pager --unit=cloister-postgres.service"
    said = machine.run(journal).stdout
    assert "was not properly shut down" in said
    assert not DAMAGE.search(said), said


def expect_sound_files(machine: Machine) -> None:
    """Each row is in its indexes, each page as its checksum says."""
    check = f"{PROGRAMS}/pg_amcheck -h /run/cloister/postgres -U cloister --install-missing"
    done = run_as(machine, "cloister", f"{check} --heapallindexed --parent-check cloister")
    assert done.returncode == 0, done.stdout + done.stderr
    machine.run("systemctl stop cloister.service cloister-postgres.service")
    done = run_as(machine, "cloister-postgres", f"{PROGRAMS}/pg_checksums --check -D {DATA}")
    assert done.returncode == 0, done.stderr
    assert re.search(r"Bad checksums: +0\n", done.stdout), done.stdout


def test_a_first_start_that_loses_power_twice_is_made_up_for(on_disk: Machine) -> None:
    machine = on_disk
    become_new(machine)
    data = machine.root / DATA.lstrip("/")
    begin = "systemctl start --no-block cloister.service"
    machine.boot()
    machine.run(begin)
    wait_until((data.with_name("data.new") / "PG_VERSION").exists, "initdb is at work")
    machine.cut_power()
    assert not data.exists()
    machine.boot()
    machine.run(begin)
    machine.wait_until("systemctl show -P ActiveState cloister-migrate | grep -qx activating")
    machine.cut_power()
    assert data.exists()
    machine.boot()
    machine.run(begin)
    Units(machine).wait_until_all_ready(60)
    wait_until_serving(machine)
    assert "/admin/claim#" in machine.run("cloister claim").stdout
    expect_sound_files(machine)


def become_new(machine: Machine) -> None:
    """Forget all that the appliance has, and start it only when told to."""
    machine.assemble()
    for folder in (machine.root / "var/lib/cloister").iterdir():
        shutil.rmtree(folder)
    wants = "etc/systemd/system/multi-user.target.wants/cloister.service"
    (machine.root / wants).unlink()


@pytest.mark.parametrize("state", ["half-installed", "unpacked"])
def test_an_installation_that_loses_power_can_be_repeated(
    on_disk: Machine, network: Network, client: Neighbour, package: Path, state: str
) -> None:
    machine, kept = on_disk, Acknowledged()
    place, units = network.place(APPLIANCE), Units(machine)
    machine.boot(place)
    wait_until_serving(machine)
    site = Site(machine, client, APPLIANCE)
    site.claim()
    with site.program() as program:
        kept.add(program, "north")
    machine.copy_in(package, "/srv")
    # The file has been there for a while when it is installed.
    machine.run("sync")
    install = f"apt-get install --reinstall -y /srv/{package.name}"
    machine.run(f"systemd-run --unit=reinstall {install}")
    status = machine.root / "var/lib/dpkg"
    wait_until(lambda: state in dpkg_states(status), f"the package is {state}", 60)
    machine.cut_power()
    machine.boot(place, accept_failed_units=True)
    # As docs/how-to/upgrade.md says: what dpkg can finish by itself, and then the same once more.
    machine.run(f"dpkg --configure -a; {install}", seconds=300)
    units.wait_until_all_ready(60)
    with site.program() as program, site.visitor() as visitor:
        assert visitor.sign_in().is_redirect
        kept.check(program, visitor)
    assert machine.run("dpkg --audit").stdout == ""


def dpkg_states(folder: Path) -> set[str]:
    """The states that dpkg has noted for our package: first in files of their own."""
    found = set()
    for path in [folder / "status", *sorted((folder / "updates").glob("[0-9]*"))]:
        for paragraph in path.read_text(errors="replace").split("\n\n"):
            if paragraph.startswith("Package: cloister\n"):
                found.update(re.findall(r"^Status: \S+ \S+ (\S+)$", paragraph, re.MULTILINE))
    return found
