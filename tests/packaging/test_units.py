"""What the package's units promise, read from their files: no systemd is needed."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.operations.catalog import OPERATIONS
from appliance.units.catalog import catalog
from appliance.units.programs import PostgresProgram, Programs
from tests.packaging.unit_files import (
    FOLDER,
    SEALED,
    configuration_files,
    javascript_lists,
    read,
    services,
    unexplained,
    units,
)

MOST_CHAT_SERVERS = 16
WITH_THE_MACHINES_NETWORK = {
    "cloister-acme.service",
    "cloister-fetch@.service",
    "cloister-firewall.service",
    "cloister-offsite@.service",
}
# They have the key to the backups, and the supervisor starts them as operations.
WITH_THE_KEY = {"cloister-backup@.service", "cloister-prune.service", "cloister-restore.service"}
OPERATIONS_FILES = {
    *WITH_THE_KEY,
    "cloister-offsite@.service",
    "cloister-tls.service",
    "cloister-acme.service",
}
# Started because another unit wants them, by root, or as operations, never as units.
BESIDE_THE_CATALOGUE = {
    "cloister.service",
    "cloister-ollama-proxy.service",
    "cloister-repository-share.service",
    *WITH_THE_MACHINES_NETWORK,
    *OPERATIONS_FILES,
}


def catalogue() -> set[str]:
    """The services of every unit that the supervisor may ever have to start."""
    settings = Settings(Path("/home"), packaged=True, chat_processes=MOST_CHAT_SERVERS)
    postgres = PostgresProgram(Path("/usr/lib/postgresql/17/bin"), 17)
    paths = (Path("/python"), postgres, Path("/nginx"), Path("/ollama"), 11434, Path("/server"))
    found = catalog(settings, Programs(*paths), SystemClock()).units
    return {f"cloister-{unit.name}.service" for unit in found}


def operations() -> set[str]:
    """The services of every operation."""
    return {operation.unit for operation in OPERATIONS}


def file_of(service: str) -> str:
    return re.sub(r"@.+\.", "@.", service)


def test_each_unit_of_the_catalogue_has_a_file_and_no_file_is_left_over() -> None:
    assert {file_of(name) for name in catalogue()} == set(services()) - BESIDE_THE_CATALOGUE


@pytest.mark.parametrize("name", sorted(set(services()) - BESIDE_THE_CATALOGUE))
def test_a_managed_unit_launches_itself_and_leaves_decisions_to_the_supervisor(name: str) -> None:
    unit = services()[name]
    launched = name.removeprefix("cloister-").removesuffix(".service").replace("@", "@%i")
    assert unit.values("ExecStart") == [f"/usr/bin/cloister launch {launched}"]
    assert unit.values("Restart") == ["no"]
    assert "cloister.target" in unit.words("PartOf")
    assert not unit.keys("Install")


def test_only_the_supervisor_starts_by_itself_and_is_restarted() -> None:
    enabled = {name for name, unit in units().items() if unit.keys("Install")}
    assert enabled == {"cloister.service"}
    restarted = {name for name, unit in services().items() if unit.values("Restart") != ["no"]}
    assert restarted == {"cloister.service"}
    assert services()["cloister.service"].values("Restart") == ["always"]


@pytest.mark.parametrize("name", sorted(services()))
def test_a_service_is_confined_in_every_respect(name: str) -> None:
    unit = services()[name]
    assert unit.values("User") or unit.values("DynamicUser") == ["yes"]
    assert len(unit.values("UMask")) == 1
    assert unit.values("PrivateDevices") == ["yes"]
    loading = "cloister-firewall.service"
    loader = name == loading
    assert unit.values("PrivateUsers") == ["no" if loader else "identity"]
    for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert unit.values(key) == ["CAP_NET_ADMIN" if loader else ""]
    families = {"AF_NETLINK"} if loader else {"AF_UNIX"}
    if name.startswith("cloister-ollama") or name in WITH_THE_MACHINES_NETWORK - {loading}:
        families |= {"AF_INET"}
    if name in WITH_THE_MACHINES_NETWORK - {loading}:
        families |= {"AF_INET6"}
    assert set(unit.words("RestrictAddressFamilies")) == families


@pytest.mark.parametrize("name", sorted(services()))
def test_no_unit_sets_what_the_shared_file_sets(name: str) -> None:
    """The shared file is read last: what the unit says there would silently count for nothing."""
    added = {"BindReadOnlyPaths"}
    assert not services()[name].keys("Service") & read(SEALED).keys("Service") - added


def test_the_supervisor_gets_the_shared_file_too() -> None:
    link = FOLDER / "cloister.service.d/10-sealed.conf"
    assert not link.readlink().is_absolute()
    assert link.resolve() == SEALED.resolve()


@pytest.mark.parametrize("name", sorted(services()))
def test_folders_are_shown_only_by_binding_them(name: str) -> None:
    """Any other list of paths that shows something would show what the empty /run and /var hide."""
    lists = {key for key in services()[name].keys("Service") if key.endswith("Paths")}
    assert lists <= {"BindPaths", "BindReadOnlyPaths", "InaccessiblePaths"}
    assert read(SEALED).values("TemporaryFileSystem") == ["/run:ro /var:ro"]


def test_the_downloader_finds_nothing_that_the_runner_wrote() -> None:
    """One has the network and the other has people's questions: no file goes from there to here."""
    fetch, runner = services()["cloister-fetch@.service"], services()["cloister-ollama.service"]
    hidden = fetch.words("InaccessiblePaths")
    for path in map(PurePosixPath, runner.words("BindPaths")):
        seen = any(path.is_relative_to(folder) for folder in fetch.words("BindPaths"))
        assert not seen or any(path.is_relative_to(folder) for folder in hidden), path


def test_nothing_starts_without_the_disk_of_its_data() -> None:
    assert read(SEALED).words("RequiresMountsFor") == ["/var/lib/cloister"]


def test_the_downloader_sees_nothing_but_models() -> None:
    assert services()["cloister-fetch@.service"].words("BindPaths") == ["/var/lib/cloister/ollama"]
    assert not [
        path
        for path in services()["cloister-fetch@.service"].words("BindReadOnlyPaths")
        if "cloister" in path
    ]
    assert services()["cloister-fetch@.service"].values("RuntimeMaxSec")


def test_nothing_listens_before_the_packet_filter_is_loaded() -> None:
    socket = units()["cloister-nginx.socket"]
    for key in ("Requires", "After"):
        assert socket.words(key) == ["cloister-firewall.service"]
    assert socket.values("NFTSet") == ["cgroup:inet:cloister:listeners"]
    table = (FOLDER / "firewall.nft").read_text()
    assert "set listeners { type cgroupsv2; }" in table
    ports = {address.rpartition(":")[2] for address in socket.values("ListenStream")}
    assert f"tcp sport {{ {', '.join(sorted(ports, key=int))} }} counter" in table


def test_no_unit_waits_for_a_network() -> None:
    for path in configuration_files():
        assert "network-online" not in path.read_text()


@pytest.mark.parametrize("path", configuration_files(), ids=lambda path: path.name)
def test_every_line_is_explained(path: Path) -> None:
    assert unexplained(path.read_text()) == []


def test_the_rule_names_exactly_the_units_that_have_files() -> None:
    """A name without a file would let the supervisor's account run any program as root."""
    text = (FOLDER / "50-cloister.rules").read_text()
    lists = javascript_lists(text)
    assert set(lists["CLOISTER_UNITS"]) == catalogue() | operations()
    assert {file_of(name) for name in lists["CLOISTER_UNITS"]} <= set(services())
    assert set(lists["CLOISTER_VERBS"]) == {"start", "stop", "restart", "kill", "reset-failed"}
    # No pattern, and no other way to say yes.
    assert not re.search(r"RegExp|\.test\(|\.match\(|startsWith|\.indexOf\(\"", text)
    assert text.count("polkit.Result.YES") == 1


def lines_of(name: str) -> list[str]:
    text = (FOLDER / name).read_text().splitlines()
    return [line for line in text if line and not line.startswith("#")]


def system_users() -> set[str]:
    return {line.split()[1] for line in lines_of("cloister.sysusers") if line.startswith("u! ")}


def test_folders_belong_to_accounts_and_groups_that_exist() -> None:
    users = system_users() | {"root"}
    made = {line.split()[1] for line in lines_of("cloister.sysusers") if line.startswith("g ")}
    for line in lines_of("cloister.tmpfiles"):
        kind, path, mode, user, group = line.split()
        if kind == "z":
            # A file that a service has made: its mode alone.
            assert (user, group, int(mode, 8) & 0o007) == ("-", "-", 0), path
            continue
        assert kind == ("f" if path.endswith(".lock") else "d"), path
        assert user in users, path
        assert group in users | made, path
        # Only the owner and a group change anything.
        assert int(mode, 8) & 0o002 == 0, path


def test_debians_own_services_stay_off() -> None:
    assert lines_of("50-cloister.preset") == [
        "disable nginx.service",
        "disable postgresql.service",
        "disable restic-rest-server.service",
    ]


@pytest.mark.parametrize("name", sorted(services()))
def test_no_service_has_both_the_key_and_the_network(name: str) -> None:
    unit = services()[name]
    key = ["cloister.backup-key"] if name in WITH_THE_KEY else []
    assert unit.values("ImportCredential") == key
    online = name in WITH_THE_MACHINES_NETWORK
    assert unit.values("PrivateNetwork") == ["no" if online else "yes"]
    # No other way to a secret of the machine.
    others = {key for key in unit.keys("Service") if "Credential" in key}
    assert others <= {"ImportCredential"}


def test_the_off_site_copy_sees_ciphertext_and_nothing_that_people_wrote() -> None:
    unit = services()["cloister-offsite@.service"]
    seen = {*unit.words("BindPaths"), *unit.words("BindReadOnlyPaths")}
    assert {path for path in seen if "cloister" in path} == {
        "/run/cloister/offsite",
        "/run/cloister/operations/offsite-%i",
        "/run/cloister/operations/models.lock",
        "/run/cloister/operations/repository.lock",
        "/var/lib/cloister/offsite",
        "/var/lib/cloister/repository",
    }
    assert "/var/lib/cloister/repository" in unit.words("BindReadOnlyPaths")
    assert unit.values("SocketBindDeny") == ["any"]
    fetch = services()["cloister-fetch@.service"]
    assert unit.words("IPAddressAllow") == fetch.words("IPAddressAllow")
    assert unit.words("IPAddressDeny") == ["any"]


def test_who_asks_an_authority_sees_accounts_and_no_key_of_a_certificate() -> None:
    unit = services()["cloister-acme.service"]
    assert unit.words("BindPaths") == [
        "/var/lib/cloister/acme",
        "/run/cloister/acme",
        "/run/cloister/operations/acme",
    ]
    assert not [path for path in unit.words("BindReadOnlyPaths") if "cloister" in path]
    assert unit.words("SupplementaryGroups") == []
    assert unit.values("SocketBindDeny") == ["any"]
    fetch = services()["cloister-fetch@.service"]
    assert unit.words("IPAddressAllow") == fetch.words("IPAddressAllow")
    assert unit.words("IPAddressDeny") == ["any"]


def test_only_the_owner_of_the_repository_changes_its_files() -> None:
    changing = {
        name
        for name, unit in services().items()
        if "/var/lib/cloister/repository" in unit.words("BindPaths")
    }
    owners = {
        name for name in services() if "cloister-repository" in services()[name].words("User")
    }
    assert changing == owners
    assert changing == {
        "cloister-backup-server.service",
        "cloister-prune.service",
        "cloister-repository-share.service",
    }


def test_a_backup_reads_what_it_saves_and_changes_none_of_it() -> None:
    unit = services()["cloister-backup@.service"]
    saved = {f"/var/lib/cloister/{name}" for name in ("documents", "tls", "authority", "offsite")}
    assert saved <= set(unit.words("BindReadOnlyPaths"))
    assert not saved & set(unit.words("BindPaths"))


@pytest.mark.parametrize("name", sorted(OPERATIONS_FILES))
def test_an_operation_ends_by_itself_and_gives_way(name: str) -> None:
    unit = services()[name]
    instance = {"cloister-backup@.service": "%i", "cloister-offsite@.service": "offsite-%i"}
    plain = name.removeprefix("cloister-").removesuffix(".service")
    work = instance.get(name, plain)
    assert unit.values("ExecStart") == [f"/usr/bin/cloister operation {work}"]
    assert f"/run/cloister/operations/{work}" in unit.words("BindPaths")
    assert unit.values("RuntimeMaxSec")
    assert unit.values("TimeoutStopSec")
    assert unit.values("CollectMode") == ["inactive-or-failed"]
    assert "cloister.target" in unit.words("PartOf")
    assert int(unit.values("OOMScoreAdjust")[0]) >= 500
    # People wait for a restore.
    if name != "cloister-restore.service":
        assert unit.values("IOSchedulingClass") == ["idle"]
        assert unit.values("Nice") == ["10"]


def test_the_backup_of_models_alone_sees_them() -> None:
    models = "/var/lib/cloister/ollama/models"
    more = read(FOLDER / "cloister-backup@models.service.d/10-models.conf")
    assert more.words("BindReadOnlyPaths") == [models]
    assert more.words("SupplementaryGroups") == ["cloister-fetch"]
    assert more.keys("Service") == {"BindReadOnlyPaths", "SupplementaryGroups"}
    backup = services()["cloister-backup@.service"]
    assert not any(
        "ollama" in word for key in ("BindPaths", "BindReadOnlyPaths") for word in backup.words(key)
    )
    assert "cloister-fetch" not in backup.words("SupplementaryGroups")
    install = (FOLDER.parent / "packaging/debian/cloister.install").read_text()
    assert "systemd/cloister-backup@models.service.d usr/lib/systemd/system" in install


def test_a_restore_of_models_finds_nothing_that_the_runner_wrote() -> None:
    restore, runner = services()["cloister-restore.service"], services()["cloister-ollama.service"]
    assert runner.words("BindPaths") == restore.words("InaccessiblePaths")


def test_what_the_off_site_copy_may_read_is_opened_to_it() -> None:
    [command] = services()["cloister-repository-share.service"].values("ExecStart")
    for folder in ("", "models/"):
        for name in ("snapshots", "index", "data", "keys", "config"):
            assert f" {folder}{name} " in command


def test_a_drill_has_a_limit_of_memory() -> None:
    limits = read(FOLDER / "cloister-backup@drill.service.d/10-memory.conf")
    assert limits.values("MemoryMax") == ["50%"]
    install = (FOLDER.parent / "packaging/debian/cloister.install").read_text()
    assert "systemd/cloister-backup@drill.service.d usr/lib/systemd/system" in install


def test_only_one_service_sees_the_keys_of_the_authority_and_changes_a_certificate() -> None:
    folders = ("authority", "tls", "certificates")
    for folder in (f"/var/lib/cloister/{name}" for name in folders):
        changing = {name for name, unit in services().items() if folder in unit.words("BindPaths")}
        assert changing == {"cloister-tls.service"}
    seen = {
        name
        for name, unit in services().items()
        if "/var/lib/cloister/authority" in unit.words("BindReadOnlyPaths")
    }
    assert seen == {"cloister-backup@.service"}
    # The supervisor sees all folders of the disk, and is in neither group.
    groups = {line.split()[2] for line in lines_of("cloister.sysusers") if line.startswith("m ")}
    assert not groups & {"cloister-tls", "cloister-nginx"}
    assert services()["cloister.service"].words("SupplementaryGroups") == ["systemd-journal"]
