"""Every file that repeats a fact about a service says what its declaration says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from appliance.core.settings import Settings
from appliance.db.roles import ACCOUNTS_ROLE, AUDIT_ROLE
from appliance.operations.catalog import OPERATIONS as OPERATIONS_LIST
from appliance.units.declaration import (
    DISKS,
    LIB,
    OPERATIONS,
    RUN,
    SERVICES,
    Network,
    Role,
    Service,
    Start,
)
from appliance.units.postgres import users_of
from tests.packaging.test_units import catalogue, operations
from tests.packaging.unit_files import FOLDER, UnitFile, javascript_lists, read, services

ROOT = Path(__file__).parents[2]
FAMILIES = {
    Network.NONE: {"AF_UNIX"},
    Network.LOOPBACK: {"AF_UNIX", "AF_INET"},
    Network.HOST: {"AF_UNIX", "AF_INET", "AF_INET6"},
}
WITHOUT_ACCOUNT = "one for the run"
HEADING = "| unit | user | network | writes to |"


def accounts() -> set[str]:
    return {service.account for service in SERVICES if service.account}


@dataclass(frozen=True, slots=True)
class Folder:
    """A line of cloister.tmpfiles."""

    mode: int
    owner: str
    group: str

    def lets_write(self, account: str, groups: set[str]) -> bool:
        """Whether an account may make files in it, with the groups that its unit adds."""
        known = (account, self.group) in memberships() or self.group in groups
        as_group = account == self.group or known
        return account == self.owner or bool(as_group and self.mode & 0o020)


@cache
def folders() -> dict[str, Folder]:
    found = {}
    for line in lines_of("cloister.tmpfiles"):
        kind, path, mode, owner, group = line.split()
        if kind != "z":
            found[path] = Folder(int(mode, 8), owner, group)
    return found


@cache
def memberships() -> set[tuple[str, str]]:
    lines = [line.split() for line in lines_of("cloister.sysusers")]
    return {(words[1], words[2]) for words in lines if words[0] == "m"}


def lines_of(name: str) -> list[str]:
    text = (FOLDER / name).read_text().splitlines()
    return [line for line in text if line and not line.startswith("#")]


def ours(words: list[str]) -> set[str]:
    """Return the paths that are Cloister's own folders."""
    return {word for word in words if word.startswith((RUN, LIB))}


def unit_of(service: Service) -> UnitFile:
    return services()[service.file]


each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


def test_each_service_of_the_package_is_declared_once() -> None:
    assert sorted(service.file for service in SERVICES) == sorted(services())


@each_service
def test_its_unit_file_names_its_account(service: Service) -> None:
    unit = unit_of(service)
    expected = [service.account] if service.account else []
    assert unit.values("User") == unit.values("Group") == expected
    assert unit.values("DynamicUser") == ([] if service.account else ["yes"])


@each_service
def test_its_unit_file_gives_it_its_network(service: Service) -> None:
    unit = unit_of(service)
    assert unit.values("PrivateNetwork") == ["no" if service.network is Network.HOST else "yes"]
    if service.name != "cloister-firewall":
        assert set(unit.words("RestrictAddressFamilies")) == FAMILIES[service.network]


@each_service
def test_its_unit_file_shows_it_its_folders(service: Service) -> None:
    unit = unit_of(service)
    assert ours(unit.words("BindPaths")) == set(service.writes)
    assert ours(unit.words("BindReadOnlyPaths")) == set(service.reads)
    disks = {f"-{disk}" for disk in DISKS}
    assert disks & set(unit.words("BindPaths")) == (disks if service.disks else set())


@each_service
def test_single_instances_see_more_by_a_file_of_their_own(service: Service) -> None:
    found = {}
    for folder in FOLDER.glob(f"{service.name}@*.service.d"):
        files = [read(path) for path in folder.iterdir()]
        paths = ours([word for file in files for word in file.words("BindReadOnlyPaths")])
        if paths:
            found[folder.name.partition("@")[2].removesuffix(".service.d")] = paths
        # Nothing more to write to, and no other right.
        assert not any(file.words(key) for file in files for key in ("BindPaths", "User", "Group"))
    assert found == {name: set(paths) for name, paths in service.instance_reads.items()}
    assert found.keys() <= set(service.instances or ())


@each_service
def test_its_unit_file_gives_it_the_key_to_the_backups_or_not(service: Service) -> None:
    key = ["cloister.backup-key"] if service.has_key else []
    assert unit_of(service).values("ImportCredential") == key
    assert key == [] or service.network is Network.NONE


def every_instance(service: Service) -> set[str]:
    """Return the folders that a service writes to, as the instances of its unit have them."""
    names = service.instances or ("",)
    return {path.replace("%i", name) for path in service.writes for name in names}


@each_service
def test_its_folders_are_made_at_boot_and_let_it_write(service: Service) -> None:
    groups = set(unit_of(service).words("SupplementaryGroups"))
    for path in every_instance(service):
        assert service.account is not None
        # The supervisor writes into the folders in there.
        if path != OPERATIONS:
            assert folders()[path].lets_write(service.account, groups), path
    for path in service.reads:
        assert path in folders()


def test_no_folder_is_left_over() -> None:
    written = {PurePosixPath(path) for service in SERVICES for path in every_instance(service)}
    for path in map(PurePosixPath, folders()):
        part = any(path.is_relative_to(one) or one.is_relative_to(path) for one in written)
        by_systemd = path in {PurePosixPath(f"{RUN}/ollama"), PurePosixPath(f"{RUN}/empty")}
        assert part or by_systemd, path


def test_the_package_makes_exactly_their_accounts() -> None:
    lines = [line.split() for line in lines_of("cloister.sysusers")]
    assert {words[1] for words in lines if words[0] == "u!"} == accounts()


def test_the_polkit_rule_names_exactly_what_the_supervisor_starts() -> None:
    names = javascript_lists((FOLDER / "50-cloister.rules").read_text())["CLOISTER_UNITS"]
    started = {start: units_started(start) for start in Start}
    assert sorted(names) == sorted(started[Start.UNIT] | started[Start.OPERATION])
    assert started[Start.UNIT] == catalogue()
    assert started[Start.OPERATION] == operations()


def units_started(start: Start) -> set[str]:
    return {unit for service in SERVICES if service.start is start for unit in service.units}


def test_each_operation_has_a_folder_that_the_one_who_works_and_the_supervisor_share() -> None:
    accounts_by_unit = {unit: service.account for service in SERVICES for unit in service.units}
    for operation in OPERATIONS_LIST:
        folder = folders()[f"{OPERATIONS}/{operation.name}"]
        assert folder == Folder(0o2770, accounts_by_unit[operation.unit] or "", "cloister")


def test_the_packet_filter_stops_every_account_that_is_not_online() -> None:
    text = (FOLDER / "firewall.nft").read_text()
    sealed = re.search(r"define sealed = \{(.*?)\}", text, re.DOTALL)
    assert sealed is not None
    online = {service.account for service in SERVICES if service.network is Network.HOST}
    assert set(re.findall(r'"([^"]+)"', sealed[1])) == accounts() - online


def test_the_database_knows_exactly_their_roles() -> None:
    users = users_of(Settings(Path("/home"), packaged=True))
    assert users == {
        "cloister": ("cloister",),
        "cloister-chat": ("cloister_chat",),
        "cloister-ingest": ("cloister_ingest",),
        "cloister-backup": ("cloister_backup",),
        "cloister-postgres": ("cloister",),
    }
    assert {role for roles in users.values() for role in roles} == set(Role)
    granted = re.findall(r"\bTO (cloister\w*)", (ROOT / "appliance/db/schema.sql").read_text())
    assert set(granted) <= {*Role, ACCOUNTS_ROLE, AUDIT_ROLE}


def documented() -> dict[str, list[str]]:
    """Return the rows of the documentation's table: a unit's cells by its name."""
    pages = [page.read_text() for page in (ROOT / "docs").rglob("*.md")]
    (page,) = [page for page in pages if HEADING in page]
    table = page.partition(HEADING)[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
    return {re.findall(r"`([^`@]+)", row[0])[0].removesuffix(".service"): row for row in rows}


def test_the_documentation_has_a_row_for_each() -> None:
    assert sorted(documented()) == sorted(service.name for service in SERVICES)


@each_service
def test_the_documentation_says_what_it_may_do(service: Service) -> None:
    _, user, network, writes, *_ = documented()[service.name]
    assert user == (f"`{service.account}`" if service.account else WITHOUT_ACCOUNT)
    assert service.network.value in network
    kept = {path.removeprefix(f"{LIB}/") for path in service.writes if path.startswith(LIB)}
    assert set(re.findall(r"`([^`]+)`", writes)) - {"/run"} == kept
    assert (writes == "nothing") == (not service.writes)
