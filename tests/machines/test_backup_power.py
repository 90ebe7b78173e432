"""The power fails while backups are made or removed: earlier sets are whole, the next one too."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.machines.acknowledged import Acknowledged, working
from tests.machines.backups import Backups
from tests.machines.conftest import APPLIANCE
from tests.machines.installed import wait_until_serving
from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour
from tests.machines.network import Network, Place
from tests.machines.programs import wait_until
from tests.machines.units import Units
from tests.machines.visitor import Site

# A cut, a boot and a check of every byte take half a minute each.
pytestmark = pytest.mark.timeout(1800)
BACKUP = "var/lib/cloister/backup"
DATABASES = "var/lib/cloister/postgres"
REPOSITORY = "var/lib/cloister/repository"
COPIES = "mnt/disk/cloister"
# So much is saved and removed again that a prune has work to do, in files of which none is alike.
OLD_MEGABYTES = 40
Seen = Callable[[Path], bool]


def exists(path: str) -> Seen:
    return lambda root: (root / path).exists()


def files(repository: Path, folder: str) -> set[str]:
    return {path.name for path in (repository / folder).rglob("*") if path.is_file()}


class Change:
    """Whether files of a repository have come or gone since the operation began."""

    def __init__(self, repository: Path) -> None:
        self._files = partial(files, repository)
        self._before = {folder: self._files(folder) for folder in ("data", "index", "snapshots")}

    def came(self, folder: str) -> bool:
        return bool(self._files(folder) - self._before[folder])

    def went(self, folder: str) -> bool:
        return bool(self._before[folder] - self._files(folder))


Moment = Callable[[Path, Change], bool]
# Where the operation is when the current goes.
SET_MOMENTS: dict[str, Moment] = {
    "at the beginning": lambda root, _: exists(f"{BACKUP}/backup.lock")(root),
    "in the dump": lambda root, _: exists(f"{BACKUP}/set/database/toc.dat")(root),
    "when the stage is whole": lambda root, _: exists(f"{BACKUP}/set/manifest.json")(root),
    "after a part is saved": lambda _, change: change.came("data"),
    "after the index is saved": lambda _, change: change.came("index"),
    "after the snapshot is saved": lambda _, change: change.came("snapshots"),
}
PRUNE_MOMENTS: dict[str, Moment] = {
    "when it has locked": lambda root, _: bool(files(root / REPOSITORY, "locks")),
    "after a snapshot is removed": lambda _, change: change.went("snapshots"),
    "after a part is removed": lambda _, change: change.went("data"),
    "after an index is removed": lambda _, change: change.went("index"),
}
RESTORE_MOMENTS: dict[str, Moment] = {
    "while it reads": lambda root, _: exists(f"{DATABASES}/fetched")(root),
    "while it builds": lambda root, _: exists(f"{DATABASES}/restored/PG_VERSION")(root),
    "while it loads": lambda root, _: exists(f"{DATABASES}/restored/postmaster.pid")(root),
    "when it is ready": lambda root, _: exists(f"{DATABASES}/restored/READY")(root),
}


COPY_MOMENTS: dict[str, Moment] = {
    "in a part": lambda root, _: bool(files(root / COPIES, "tmp")),
    "after a part is copied": lambda _, change: change.came("data"),
    "after an index is copied": lambda _, change: change.came("index"),
}
DRILL_MOMENTS: dict[str, Moment] = {
    "while it reads": lambda root, _: exists(f"{BACKUP}/drill/set")(root),
    "while it makes a database": lambda root, _: exists(f"{BACKUP}/drill/cluster")(root),
    "while it loads": lambda root, _: exists(f"{BACKUP}/drill/cluster/data/postmaster.pid")(root),
}


def cut_during(
    machine: Machine,
    place: Place,
    name: str,
    moment: Moment,
    repository: str = REPOSITORY,
    **request: object,
) -> None:
    """Cut the power at a moment of an operation, or right after its end; serve again.

    The moment may depend on what has changed in a repository.
    """
    backups, change = Backups(machine), Change(machine.root / repository)
    backups.begin(name, **request)
    wait_until(lambda: moment(machine.root, change) or not backups.runs(name), name, 120)
    machine.cut_power()
    machine.boot(place)
    wait_until_serving(machine, 60)
    Units(machine).wait_until_all_ready(60)


def expect_sound(backups: Backups, before: list[str]) -> None:
    """Every earlier set is there, every byte is as it was, and another set can be made."""
    backups.do("list")
    assert set(before) <= set(backups.snapshots("set"))
    backups.do("check")
    assert backups.catalog()["damage"] == ""
    made = backups.do("set")["snapshot"]
    assert made in backups.snapshots("set")


def claimed(machine: Machine, place: Place, client: Neighbour) -> Site:
    """Boot a machine, and become its operator."""
    machine.boot(place)
    wait_until_serving(machine)
    site = Site(machine, client, APPLIANCE)
    site.claim()
    return site


def test_sets_outlive_power_cuts(on_disk: Machine, network: Network, client: Neighbour) -> None:
    machine, kept = on_disk, Acknowledged()
    backups, place = Backups(machine), network.place(APPLIANCE)
    site = claimed(machine, place, client)
    with working(site, kept, "before"):
        kept.until(documents=4, answers=2)
    backups.do("set")
    for label, moment in SET_MOMENTS.items():
        before = backups.snapshots("set")
        with site.program() as program:
            kept.add(program, label.replace(" ", "-"))
        cut_during(machine, place, "set", moment)
        expect_sound(backups, before)
        print(f"cut {label}: {len(before)} sets are whole")
    with site.program() as program, site.visitor() as visitor:
        assert visitor.sign_in().is_redirect
        kept.check(program, visitor)


def test_sets_outlive_power_cuts_while_old_ones_are_removed(
    on_disk: Machine, network: Network, client: Neighbour
) -> None:
    machine = on_disk
    backups, place = Backups(machine), network.place(APPLIANCE)
    machine.boot(place)
    wait_until_serving(machine)
    Site(machine, client, APPLIANCE).claim()
    backups.do("list")
    for label, moment in PRUNE_MOMENTS.items():
        add_old_sets(backups)
        kept = backups.do("set")["snapshot"]
        verify(backups, kept)
        cut_during(machine, place, "prune", moment, keep_set=7)
        expect_sound(backups, [kept])
        assert "refused" not in backups.do("prune", keep_set=7)
        assert kept in backups.snapshots("set")
        print(f"cut {label}: the verified set is whole")


def test_a_restore_that_loses_power_leaves_the_old_state_or_the_new_one(
    on_disk: Machine, network: Network, client: Neighbour
) -> None:
    machine, kept = on_disk, Acknowledged()
    backups, place = Backups(machine), network.place(APPLIANCE)
    site = claimed(machine, place, client)
    with working(site, kept, "before"):
        kept.until(documents=3, answers=1)
    made = backups.do("set")["snapshot"]
    with site.program() as program:
        later = program.upload("later.txt", b"The later lantern hangs over gate later.")
        number = later.json()["id"]
        assert program.finished(number)["status"] == "ready"
    for label, moment in RESTORE_MOMENTS.items():
        cut_during(machine, place, "restore", moment, work="restore", snapshot=made)
        is_restored = backups.do("restore", work="status")["state"] == "unconfirmed"
        with site.program() as program, site.visitor() as visitor:
            assert visitor.sign_in().is_redirect
            kept.check(program, visitor)
            # What came after the set is in the old state, and not in the new one.
            is_there = program.http.get(f"/api/documents/{number}").is_success
        assert is_there != is_restored
        print(f"cut {label}: the machine is the {'new' if is_restored else 'old'} one")
        if is_restored:
            backups.undo()


def test_copies_and_drills_outlive_power_cuts(
    on_disk: Machine, network: Network, client: Neighbour
) -> None:
    machine = on_disk
    backups, place = Backups(machine), network.place(APPLIANCE)
    claimed(machine, place, client)
    backups.make_folder(f"/{COPIES}")
    backups.set_up_target(1, kind="folder", place=f"/{COPIES}")
    made = backups.do("set")["snapshot"]
    backups.do("offsite-1", work="probe", prepare=True)
    for label, moment in COPY_MOMENTS.items():
        add_old_sets(backups)
        cut_during(machine, place, "offsite-1", moment, COPIES, work="copy", now=True)
        there = set(backups.snapshots())
        backups.do("offsite-1", work="copy", now=True)
        backups.restic("check", "--read-data", "--no-lock", repository=f"/{COPIES}")
        assert there <= set(backups.snapshots(repository=f"/{COPIES}"))
        print(f"cut {label}: the copy is whole")
    for label, moment in DRILL_MOMENTS.items():
        cut_during(machine, place, "drill", moment, snapshot=made)
        verify(backups, made)
        assert not (machine.root / BACKUP / "drill").exists()
        print(f"cut {label}: the set is verified")


def add_old_sets(backups: Backups) -> None:
    """Let there be sets of a month ago, each with content of its own."""
    month_ago = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 30 * 86400))
    for number in range(4):
        path = f"/root/old-{number}"
        backups.machine.run(f"head -c {OLD_MEGABYTES}M /dev/urandom >{path}")
        backups.restic("backup", "--tag=set", "--host=cloister", f"--time={month_ago}", path)
        backups.machine.run(f"rm {path}")


def verify(backups: Backups, snapshot: str) -> None:
    """Have a drill restore a set."""
    backups.do("drill", snapshot=snapshot)
