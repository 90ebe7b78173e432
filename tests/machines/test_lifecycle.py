"""From one package to the next, and to none: data stays until it is purged, and then all goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import documents
from tests.e2e.visitor import Answer, Program, Visitor
from tests.machines.backups import KEY, Backups, can_back_up
from tests.machines.bystander import Observations, watching
from tests.machines.former import VERSION, former_commit, former_package
from tests.machines.installed import assert_debians_own_are_off, install_package, put_in_ollama
from tests.machines.machine import Fresh, Machine
from tests.machines.neighbour import Neighbour
from tests.machines.network import Network
from tests.machines.programs import MachineError, run_program, wait_until
from tests.machines.units import SERVICES, Units
from tests.machines.visitor import Site, ready

ADDRESS = "10.44.0.1"
GOES_ON = {"postgres", "ollama"}
RENEWED = {"ingest", "webchat@1", "nginx", "supervisor"}
REPLACED = "restart {}: its program was replaced since it started"
SHORT = 20.0
BELL = "The bell of the east tower was cast in 1742 and weighs three tons."
QUESTION = "When was the bell of the east tower cast?"
# One line for each listening socket of the machine.
LISTENING = "cat /proc/net/tcp /proc/net/tcp6 | awk '$4 == \"0A\" { print $2 }'"
FILES = "cd /var/lib/cloister/documents && find . -type f | sort | xargs sha256sum"
ACCOUNT_FILES = ("passwd", "group", "shadow", "gshadow")
OTHERS_LOGS = ("/var/log", "/var/lib/dpkg", "/var/cache/debconf", "/var/lib/apt")


@dataclass(frozen=True, slots=True)
class Story:
    """A machine whose package was upgraded while it was in use, and what was seen of it."""

    site: Site
    units: Units
    operator: Visitor
    program: Program
    bell: str
    conversation: str
    waiting: dict[str, str]
    before: dict[str, int]
    after: dict[str, int]
    runs: tuple[str, str]
    keys: tuple[str, str]
    former_sets: tuple[str, ...]
    sets: list[str]
    seen: Observations

    @property
    def machine(self) -> Machine:
        return self.site.machine


@pytest.fixture(scope="module")
def former() -> Path:
    commit = former_commit()
    if commit is None:
        pytest.skip("no earlier commit has a package to upgrade from")
    cache = Path(os.environ.get("CLOISTER_CACHE", "/var/cache/cloister"))
    try:
        return former_package(commit, cache / "machines")
    except MachineError as error:
        pytest.fail(f"the package of {commit} cannot be built: {error}", pytrace=False)


@pytest.fixture(scope="module")
def tmp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@pytest.fixture(scope="module")
def story(
    fresh: Fresh, former: Path, package: Path, network: Network, client: Neighbour, tmp: Path
) -> Iterator[Story]:
    with fresh("upgraded") as machine, ExitStack() as visits:
        put_in_ollama(machine)
        machine.boot(network.place(ADDRESS))
        install_package(machine, former)
        site = Site(machine, client, ADDRESS)
        wait_until(lambda: ready(site), "the former package to serve", 120)
        site.choose_models()
        site.claim()
        operator = visits.enter_context(site.visitor())
        program = visits.enter_context(site.program())
        operator.sign_in()
        bell = program.add(documents.pdf(tmp / "towers.pdf", ["Towers and walls.", BELL]))
        assert program.finished(bell)["status"] == "ready"
        conversation = operator.ask(QUESTION, operator.token("/"))
        wait_until(lambda: "1742" in operator.http.get(conversation).text, "an answer")

        units = Units(machine)
        # A former package that made no backups has no key either.
        former_key = machine.run(f"cat {KEY}", check=False).stdout
        backups = Backups(machine)
        if can_back_up(machine):
            backups.do("set")
        sets = backups.snapshots("set") if can_back_up(machine) else []
        before = units.pids()
        # It reads nothing from here on: what comes now is still waiting when it is replaced.
        machine.run(f"kill -STOP {before['ingest']}")
        waiting = {
            name: program.add(documents.pdf(tmp / name, [f"This is {name}."]))
            for name in ("first.pdf", "second.pdf")
        }
        states = {name: program.document(each)["status"] for name, each in waiting.items()}
        assert "ready" not in states.values()
        run = migration(machine)
        with watching(site, program) as seen:
            install_package(machine, package)
            wait_until(lambda: renewed(units, before), "every unit to be renewed", 60)
            wait_until(lambda: ready(site), "the new package to serve", 60)
        runs = (run, migration(machine))
        keys = (former_key, machine.run(f"cat {KEY}").stdout)
        yield Story(
            *(site, units, operator, program, bell, conversation, waiting),
            *(before, units.pids(), runs, keys, tuple(sets), sets, seen),
        )


def renewed(units: Units, before: dict[str, int]) -> bool:
    return all(units.pid(unit) not in {0, before[unit]} for unit in RENEWED)


def migration(machine: Machine) -> str:
    """Which run of the migrations was the last one."""
    show = "systemctl show --property=InvocationID,Result cloister-migrate.service"
    return machine.run(show).stdout


def restarts_of_replaced(machine: Machine) -> dict[str, int]:
    """How often the supervisor restarted each unit because its program was replaced."""
    log = machine.run("journalctl --unit cloister --output=cat").stdout
    return {unit: log.count(REPLACED.format(unit)) for unit in RENEWED - {"supervisor"}}


def version(machine: Machine) -> str:
    return machine.run("dpkg-query --show --showformat='${Version}' cloister").stdout


def assert_cited(answer: Answer, document: str) -> None:
    assert answer.kind == "generated"
    assert "1742" in answer.text
    assert (answer.citations[0]["document"], answer.citations[0]["page"]) == (document, 2)


def assert_all_is_as_it_was(story: Story) -> None:
    """The same session, the same key, the same documents, and answers from them."""
    assert story.operator.questions_in(story.conversation) == 1
    assert story.program.document(story.bell)["status"] == "ready"
    assert_cited(story.program.ask(QUESTION), story.bell)


def test_database_and_model_runner_go_on_through_an_upgrade(story: Story) -> None:
    assert version(story.machine) not in {"", VERSION}
    assert {unit: story.after[unit] for unit in GOES_ON} == {
        unit: story.before[unit] for unit in GOES_ON
    }


def test_the_rest_runs_the_new_program(story: Story) -> None:
    for unit in RENEWED:
        assert story.after[unit] not in {0, story.before[unit]}, unit
    # That ingest was paused may have been noticed first, and been the reason to restart it.
    restarts = restarts_of_replaced(story.machine)
    assert (restarts["webchat@1"], restarts["nginx"]) == (1, 1)


def test_the_database_is_migrated_by_an_upgrade(story: Story) -> None:
    earlier, later = story.runs
    assert earlier != later
    assert "Result=success" in later
    checked = {each["check"]: each["state"] for each in story.site.cli("doctor")["checks"]}
    assert checked["schema"] == "ok"


def test_visitors_see_at_most_for_a_moment_that_it_starts(story: Story) -> None:
    glances = story.seen.glances
    assert glances[0].outcome == glances[-1].outcome == 200
    others = [glance for glance in glances if glance.outcome != 200]
    assert {glance.outcome for glance in others} <= {503}
    assert all('http-equiv="refresh"' in glance.body for glance in others)
    assert story.seen.longest_absence < SHORT


def test_every_acknowledged_upload_is_there(story: Story) -> None:
    assert story.seen.acknowledged
    for name, document in story.seen.acknowledged.items():
        found = story.program.finished(document, within=60)
        assert (found["file"], found["status"]) == (name, "ready")


def test_what_waited_to_be_read_is_read(story: Story) -> None:
    for document in story.waiting.values():
        assert story.program.finished(document)["status"] == "ready"


def test_sessions_keys_and_answers_outlive_an_upgrade(story: Story) -> None:
    assert_all_is_as_it_was(story)


def test_an_upgrade_keeps_the_backups_and_the_key_to_them(story: Story) -> None:
    former, present = story.keys
    assert len(present) > 40
    assert former in {"", present}
    backups = Backups(story.machine)
    made = backups.do("set")["snapshot"]
    assert backups.snapshots("set") == [*story.sets, made]
    story.sets.append(made)


def test_a_set_of_the_former_package_is_restored_by_this_one(story: Story, former: Path) -> None:
    """As soon as a former package makes sets; one that makes none has left none."""
    listed = run_program("dpkg-deb", "--contents", str(former)).stdout.decode()
    makes_sets = "/cloister-backup-server.service" in listed
    assert bool(story.former_sets) == makes_sets
    machine, backups = story.machine, Backups(story.machine)
    for snapshot in story.former_sets:
        assert backups.do("drill", snapshot=snapshot)["verdict"] == "verified"
        machine.run(f"cloister restore --set {snapshot[:12]} --yes", seconds=600)
        backups.wait_until_exchanged()
        with story.site.program() as program, story.site.visitor() as visitor:
            assert visitor.sign_in().is_redirect
            assert visitor.questions_in(story.conversation) == 1
            assert_cited(program.ask(QUESTION), story.bell)
        backups.undo()
    assert_all_is_as_it_was(story)


def test_the_same_version_can_be_installed_again(story: Story, package: Path) -> None:
    before, restarts = story.units.pids(), restarts_of_replaced(story.machine)
    story.machine.copy_in(package, "/srv")
    story.machine.run(f"apt-get install -y --reinstall /srv/{package.name}", seconds=120)
    wait_until(lambda: renewed(story.units, before), "every unit to be renewed", 60)
    wait_until(lambda: ready(story.site), "it to serve again", 60)
    assert {unit: story.units.pid(unit) for unit in GOES_ON} == {
        unit: before[unit] for unit in GOES_ON
    }
    assert restarts_of_replaced(story.machine) == {unit: restarts[unit] + 1 for unit in restarts}
    assert story.machine.run(f"cat {KEY}").stdout == story.keys[1]
    assert_all_is_as_it_was(story)


@pytest.mark.parametrize(
    ("debians", "unit", "program"),
    [
        ("postgresql-17", "postgres", "/usr/lib/postgresql/17/bin/postgres"),
        ("nginx", "nginx", "/usr/sbin/nginx"),
        ("restic-rest-server", "backup-server", "/usr/bin/restic-rest-server"),
    ],
)
def test_a_replaced_program_of_debians_is_restarted(
    story: Story, debians: str, unit: str, program: str
) -> None:
    machine, before = story.machine, story.units.pids()
    machine.run(f"apt-get install -y --reinstall {debians}", seconds=120)
    runs = f'test "$(readlink /proc/$(systemctl show -P MainPID {SERVICES[unit]})/exe)" = {program}'
    machine.wait_until(runs)
    wait_until(lambda: ready(story.site), "it to serve again", 60)
    assert story.units.pid(unit) != before[unit]
    assert_debians_own_are_off(machine)
    assert_all_is_as_it_was(story)


def test_who_removes_it_and_installs_it_again_finds_everything(story: Story, package: Path) -> None:
    machine = story.machine
    files = machine.run(FILES).stdout
    assert len(files.splitlines()) >= len(story.waiting) + 1
    machine.run("apt-get remove -y cloister", seconds=120)
    accounts = "$(getent passwd | grep -o '^cloister[^:]*' | paste -sd,)"
    assert machine.run(f"ps --user {accounts} -o args=", check=False).stdout == ""
    assert machine.run(LISTENING).stdout == ""
    assert "cloister" not in machine.run("nft list tables").stdout
    assert machine.run("systemctl list-units --no-legend 'cloister*'").stdout == ""
    assert machine.run("test -e /usr/bin/cloister", check=False).returncode == 1
    machine.run("test -e /var/lib/cloister/postgres/data/PG_VERSION")
    assert machine.run(FILES).stdout == files
    assert_debians_own_are_off(machine)

    install_package(machine, package)
    wait_until(lambda: ready(story.site), "it to serve again", 60)
    assert_all_is_as_it_was(story)
    assert machine.run(f"cat {KEY}").stdout == story.keys[1]
    assert Backups(machine).snapshots("set") == story.sets
    with story.site.visitor() as returning:
        assert returning.sign_in().status_code == 303
        assert returning.questions_in(story.conversation) == 1


def test_a_purge_leaves_nothing_but_accounts(story: Story) -> None:
    machine = story.machine
    machine.run("rm -f /srv/cloister_*.deb && apt-get purge -y cloister", seconds=120)
    somewhere = "find / -xdev \\( -path /proc -o -path /sys -o -path /usr/local/lib \\) -prune -o"
    # Named after it, in what is mounted apart as well, or belonging to one of its accounts.
    named = machine.run(f"{somewhere} -name '*cloister*' -print; find /run -name '*cloister*'")
    assert named.stdout == ""
    owners = "id -u {0} && {1} -user {0} -print; find /run /tmp -user {0}"
    for account in machine.run("getent passwd | grep -o '^cloister[^:]*'").stdout.split():
        number, *files = machine.run(owners.format(account, somewhere)).stdout.split()
        assert (int(number) > 0, files) == (True, [])
    mentions = machine.run("grep --recursive --files-with-matches cloister /etc /usr /var /run")
    others = [path for path in mentions.stdout.split() if not path.startswith(OTHERS_LOGS)]
    accounts = {f"/etc/{name}{old}" for name in ACCOUNT_FILES for old in ("", "-")}
    assert set(others) <= accounts, others
    assert_debians_own_are_off(machine)
    assert machine.run("systemctl --failed --no-legend").stdout == ""
