"""A machine is gone: with the sheet, the package and an off-site copy another one takes its place.

The steps are those of docs/how-to/restore.md: the test carries out the commands of that page.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.repository.recovery_key import RecoveryKey
from tests.builders import documents
from tests.e2e.visitor import PASSWORD
from tests.machines.acknowledged import Acknowledged, working
from tests.machines.backups import Backups
from tests.machines.conftest import CLIENT
from tests.machines.ground import Ground
from tests.machines.installed import put_in_ollama
from tests.machines.machine import Fresh, Image, Machine, new_machine
from tests.machines.neighbour import Neighbour
from tests.machines.network import Network
from tests.machines.programs import run_program, wait_until
from tests.machines.rest_server import RestServer, running_rest_server
from tests.machines.units import Units
from tests.machines.visitor import Site, ready

PAGE = Path(__file__).parents[2] / "docs/how-to/restore.md"
ADDRESS = "10.44.0.1"
SERVER = "10.44.0.9"
DISK = "/mnt/disk"
COPY = f"{DISK}/cloister"
BELL = "The bell of the east tower was cast in 1742 and weighs three tons."
QUESTION = "When was the bell of the east tower cast?"
SETTING = ("upload_limit", "52428800")


def steps() -> list[str]:
    """The commands of the page's section, as root types them."""
    section = PAGE.read_text().partition("## Disaster, step by step")[2].partition("\n## ")[0]
    found = re.findall(r"^ {4,}sudo (.+)$", section, re.MULTILINE)
    assert len(found) == 5, found
    return found


@contextmanager
def attached(machine: Machine, image: Path) -> Iterator[None]:
    """A disk in the machine, mounted where its administrator mounts it; the machine is off."""
    machine.assemble()
    point = machine.root / DISK.lstrip("/")
    point.mkdir(parents=True, exist_ok=True)
    run_program("mount", "-o", "loop", str(image), str(point))
    try:
        yield
    finally:
        if machine.is_on:
            machine.kill()
        run_program("umount", str(point))


@dataclass(frozen=True, slots=True)
class Gone:
    """What is left of a machine: a disk, a sheet, and what its people remember."""

    disk: Path
    key: RecoveryKey
    kept: Acknowledged
    bell: str
    conversation: str
    made: str


@pytest.fixture(scope="module")
def server(ground: Ground, archive: Path, network: Network) -> Iterator[RestServer]:
    """Another computer that keeps copies and deletes none."""
    folder = ground.folder / "server"
    with running_rest_server(network.neighbour(SERVER), archive, folder) as server:
        yield server


@pytest.fixture(scope="module")
def gone(
    ground: Ground,
    installed: Image,
    archive: Path,
    network: Network,
    server: RestServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Gone:
    """A machine that people used, which made a set under load and copied it, and is destroyed."""
    disk, key, kept = ground.folder / "copy.ext4", RecoveryKey.new(), Acknowledged()
    run_program("truncate", "--size=2G", str(disk))
    run_program("mkfs.ext4", "-q", str(disk))
    tower = documents.pdf(
        tmp_path_factory.mktemp("documents") / "towers.pdf", ["Towers and walls.", BELL]
    )
    with (
        new_machine(ground, "gone", installed, archive=archive) as machine,
        attached(machine, disk),
    ):
        machine.boot(network.place(ADDRESS))
        site, backups = Site(machine, network.neighbour(CLIENT), ADDRESS), Backups(machine)
        wait_until(lambda: ready(site), "the appliance to serve", 120)
        site.choose_models()
        site.claim()
        site.cli(f"setting set {' '.join(SETTING)}")
        with site.program() as program, site.visitor() as operator:
            operator.sign_in()
            bell = program.add(tower)
            assert program.finished(bell)["status"] == "ready"
            conversation = operator.ask(QUESTION, operator.token("/"))
            wait_until(lambda: "1742" in operator.http.get(conversation).text, "an answer")
        backups.do("key", work="add", recovery_key=key.text)
        backups.make_folder(COPY)
        backups.set_up_target(1, kind="folder", place=COPY)
        backups.set_up_target(2, kind="rest-server", place=server.address, identity=server.identity)
        with working(site, kept, "nightly"):
            kept.until(documents=4, answers=2)
            made = backups.do("set")["snapshot"]
        # What was acknowledged while the set was made is in the hot snapshot after it.
        backups.do("drill", snapshot=made)
        backups.do("hot")
        for operation in ("offsite-1", "offsite-2"):
            backups.do(operation, work="probe", prepare=True)
            copied = backups.do(operation, work="copy", now=True)
            assert copied["files"] >= 5, copied
        machine.run("sync")
    return Gone(disk, key, kept, bell, conversation, made)


@pytest.fixture(scope="module")
def again(
    fresh: Fresh, gone: Gone, package: Path, network: Network, client: Neighbour
) -> Iterator[Site]:
    """Another machine, after the steps of the page."""
    with fresh("again") as machine, attached(machine, gone.disk):
        put_in_ollama(machine)
        machine.boot(network.place(ADDRESS))
        machine.copy_in(package, "/srv")
        machine.write("/root/key", f"{gone.key.text}\n", 0o600)
        for step in steps():
            carry_out(machine, step, package)
        site = Site(machine, client, ADDRESS)
        Units(machine).wait_until_all_ready(120)
        wait_until(lambda: ready(site), "the appliance to serve", 120)
        yield site


def carry_out(machine: Machine, step: str, package: Path) -> None:
    """Do what a step of the page says; what a person types is given by options."""
    command = step
    if step.startswith("apt install"):
        command = f"cd /srv && apt-get install -y ./{package.name}"
    elif "cloister restore" in step and "--from" in step:
        command = f"{step} --key-file /root/key"
        command += "" if "--list" in step else " --yes"
    if step == "cloister restore confirm":
        Backups(machine).wait_until_exchanged()
    done = machine.run(command, check=False, seconds=600)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    print(f"# {command}\n{done.stdout}")


def test_everything_that_was_acknowledged_is_there(again: Site, gone: Gone) -> None:
    with again.program() as program, again.visitor() as visitor:
        assert visitor.sign_in().is_redirect
        gone.kept.check(program, visitor)
        assert program.document(gone.bell)["status"] == "ready"
        assert visitor.questions_in(gone.conversation) == 1
        assert "1742" in visitor.http.get(gone.conversation).text


def test_a_question_gets_the_right_citation(again: Site, gone: Gone) -> None:
    with again.program() as program:
        answer = program.ask(QUESTION)
    assert "1742" in answer.text
    first = answer.citations[0]
    assert (first["document"], first["page"]) == (gone.bell, 2)


def test_people_settings_and_the_certificate_are_as_they_were(again: Site) -> None:
    people = [row["name"] for row in again.cli("user list")]
    assert people == ["ada"]
    rows = {row["name"]: row for row in again.cli("setting list")}
    name, value = SETTING
    assert str(rows[name]["value"]) == value
    # The name and the key of the web server: browsers do not warn again.
    again.machine.run("test -e /var/lib/cloister/tls/served.pem.before-restore")
    with again.visitor() as visitor:
        assert visitor.sign_in().is_redirect
    assert PASSWORD


def test_the_copy_on_the_server_is_not_deleted_and_can_be_restored(
    again: Site, gone: Gone, server: RestServer
) -> None:
    """The target and its fingerprint came back with the set; the key is typed as before."""
    for path in ("config", *(f"keys/{one.name}" for one in (server.folder / "keys").iterdir())):
        assert server.status_of("DELETE", path) == 403
    state = json.loads(again.machine.run("cat /var/lib/cloister/offsite/2.json").stdout)
    assert state["place"] == server.address
    listed = again.cli("restore --from 2 --list --key-file /root/key")
    (made,) = [one for one in listed["snapshots"] if one["kind"] == "set"]
    assert made["id"] == gone.made
    again.machine.run(
        f"cloister restore --from 2 --set {gone.made[:12]} --yes --key-file /root/key", seconds=600
    )
    Backups(again.machine).wait_until_exchanged()
    wait_until(lambda: ready(again), "the appliance to serve", 120)
    with again.program() as program:
        assert program.document(gone.bell)["status"] == "ready"
        answer = program.ask(QUESTION)
    assert (answer.citations[0]["document"], answer.citations[0]["page"]) == (gone.bell, 2)
    Backups(again.machine).undo()


def test_the_new_machine_makes_backups_of_its_own(again: Site) -> None:
    backups = Backups(again.machine)
    made = backups.do("set")["snapshot"]
    assert backups.snapshots("set") == [made]
    backups.do("drill", snapshot=made)


def test_no_key_is_left_on_the_machine(again: Site, gone: Gone) -> None:
    machine = again.machine
    machine.run("rm /root/key")
    for secret in (gone.key.text, gone.key.password):
        quoted = shlex.quote(secret)
        found = machine.run(
            f"grep -rlF -- {quoted} /run/cloister /var/lib/cloister /var/log /tmp /root /etc;"
            f" journalctl --output=cat | grep -F -- {quoted}",
            check=False,
        )
        assert found.stdout == ""
