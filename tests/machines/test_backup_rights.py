"""What a service that was taken over could do to the backups of an installed machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.machines.accounts import run_as
from tests.machines.backups import FOLDER, KEY, SERVER, SERVER_SOCKET, Backups
from tests.machines.machine import Machine
from tests.machines.sandbox import run_in_sandbox

PROBE = Path(__file__).with_name("backup_probe.py")
DOCUMENT = "/var/lib/cloister/documents/incoming/kept"
CERTIFICATE_KEY = "/var/lib/cloister/tls/served.pem"
TARGETS = "/var/lib/cloister/offsite/1.json"
MODELS = "/var/lib/cloister/ollama/models"
BLOB = f"{MODELS}/blobs/sha256-kept"
ADDS = ("cloister-backup@set.service", "cloister-restore.service")
WITH_KEY = {*ADDS, "cloister-prune.service"}
# As apt does it; services go on.
CONFIGURE = "DPKG_MAINTSCRIPT_PACKAGE=cloister /var/lib/dpkg/info/cloister.postinst configure 0"
ACCOUNTS = ("cloister", "cloister-backup", "cloister-offsite", "cloister-postgres", "cloister-chat")


@pytest.fixture(scope="module")
def kept(appliance: Machine) -> list[str]:
    """The snapshots of a repository that holds two, each of a file of its own."""
    appliance.wait_until(f"test -S {SERVER_SOCKET}")
    backups = Backups(appliance)
    backups.restic("init")
    for name in ("first", "second"):
        appliance.write(f"/srv/{name}", f"the {name} file")
        backups.restic("backup", f"/srv/{name}")
    appliance.run(f"echo document >{DOCUMENT} && chmod 640 {DOCUMENT}")
    appliance.run(f"chown cloister-chat:cloister-documents {DOCUMENT}")
    appliance.run(f"echo '{{}}' >{TARGETS} && chmod 640 {TARGETS}")
    appliance.run(f"chown cloister:cloister-targets {TARGETS}")
    appliance.run(f"echo blob >{BLOB} && chmod 640 {BLOB}")
    appliance.run(f"chown cloister-fetch:cloister-fetch {BLOB}")
    return backups.snapshots()


def tried(machine: Machine, service: str, repository: str = SERVER) -> dict[str, Any]:
    """What a service that was taken over could do."""
    paths = (FOLDER, f"{FOLDER}/config", DOCUMENT, CERTIFICATE_KEY, TARGETS, KEY, "/etc/shadow")
    return run_in_sandbox(machine, service, SERVER_SOCKET, repository, *paths, probe=PROBE)


@pytest.mark.parametrize("service", ADDS)
def test_who_adds_to_the_backups_cannot_delete_them(
    appliance: Machine, kept: list[str], service: str
) -> None:
    found = tried(appliance, service)
    assert found["has_key"]
    assert len(json.loads(found["snapshots"]["said"])) == len(kept)
    assert set(found["found"]) == {"snapshots", "index", "keys", "data"}
    assert all(found["found"].values())
    assert len(found["deleted"]) == 5
    assert {answer.split()[0] for answer in found["deleted"].values()} == {"403"}
    assert {answer.split()[0] for answer in found["replaced"].values()} == {"403"}
    assert found["forget"]["code"] != 0, found["forget"]
    # The files themselves are hidden from it, and closed to it as well.
    assert found["read"][f"{FOLDER}/config"] in {"ENOENT", "EACCES"}
    assert found["read"][KEY] in {"ENOENT", "EACCES"}
    assert found["read"]["/etc/shadow"] == "EACCES"
    assert Backups(appliance).snapshots() == kept
    checked = Backups(appliance).restic("check", "--read-data", check=False)
    assert "no errors were found" in checked


def test_a_backup_reads_what_it_saves(appliance: Machine, kept: list[str]) -> None:
    read = tried(appliance, "cloister-backup@set.service")["read"]
    assert {path: read[path] for path in (DOCUMENT, CERTIFICATE_KEY, TARGETS)} == {
        DOCUMENT: "read",
        CERTIFICATE_KEY: "read",
        TARGETS: "read",
    }
    # Outside of its unit its account has none of these rights.
    for path in (DOCUMENT, CERTIFICATE_KEY, TARGETS, f"{FOLDER}/config"):
        assert run_as(appliance, "cloister-backup", f"cat {path}").returncode != 0, path


def test_only_the_backup_of_models_reads_them_and_it_changes_none(
    appliance: Machine, kept: list[str]
) -> None:
    service = "cloister-backup@models.service"
    found = run_in_sandbox(appliance, service, SERVER_SOCKET, SERVER, BLOB, probe=PROBE)
    assert found["has_key"]
    assert found["read"] == {BLOB: "read"}
    other = "cloister-backup@set.service"
    found = run_in_sandbox(appliance, other, SERVER_SOCKET, SERVER, BLOB, probe=PROBE)
    assert found["read"] == {BLOB: "ENOENT"}
    assert run_as(appliance, "cloister-backup", f"cat {BLOB}").returncode != 0
    shown = appliance.run(f"systemctl show --property=BindReadOnlyPaths {service}").stdout
    assert MODELS in shown
    assert MODELS not in appliance.run(f"systemctl show --property=BindPaths {service}").stdout


def test_a_restore_adds_models_that_their_runner_reads(appliance: Machine, kept: list[str]) -> None:
    """What it makes there has the group of the accounts that run and fetch models."""
    service = "cloister-restore.service"
    found = run_in_sandbox(appliance, service, SERVER_SOCKET, SERVER, BLOB, probe=PROBE)
    assert found["read"] == {BLOB: "read"}
    shown = appliance.run(f"systemctl show --property=BindPaths {service}").stdout
    assert "/var/lib/cloister/ollama" in shown
    assert run_as(appliance, "cloister-postgres", f"cat {BLOB}").returncode != 0


def test_who_goes_online_has_ciphertext_and_no_key(appliance: Machine, kept: list[str]) -> None:
    appliance.run("systemctl start cloister-repository-share.service")
    found = tried(appliance, "cloister-offsite@1.service", FOLDER)
    assert not found["has_key"]
    assert found["snapshots"]["code"] != 0
    assert found["read"] == {
        FOLDER: "read",
        f"{FOLDER}/config": "read",
        DOCUMENT: "ENOENT",
        CERTIFICATE_KEY: "ENOENT",
        # It knows how to reach its target.
        TARGETS: "read",
        KEY: "EACCES",
        "/etc/shadow": "EACCES",
    }
    # Neither through the server nor in the folder is there anything that it can change.
    assert {*found["deleted"].values()} <= {"ENOENT", "EACCES"}
    change = f"rm {FOLDER}/config || touch {FOLDER}/data/new || chmod 0 {FOLDER}/config"
    assert run_as(appliance, "cloister-offsite", change).returncode != 0
    assert Backups(appliance).snapshots() == kept


def test_every_finished_file_can_be_copied_and_no_folder_is_closed(
    appliance: Machine, kept: list[str]
) -> None:
    appliance.run("systemctl start cloister-repository-share.service")
    read = f"find {FOLDER} -type f -exec cat {{}} + >/dev/null && find {FOLDER} -type f"
    listed = run_as(appliance, "cloister-offsite", read)
    assert listed.returncode == 0, listed.stderr
    everything = appliance.run(f"find {FOLDER} -type f").stdout
    assert sorted(listed.stdout.split()) == sorted(everything.split())
    assert len(everything.split()) >= 6


def test_the_supervisor_has_no_key_and_cannot_reach_the_backups(
    appliance: Machine, kept: list[str]
) -> None:
    found = tried(appliance, "cloister.service")
    assert not found["has_key"]
    assert {*found["deleted"].values(), *found["replaced"].values()} == {"EACCES"}
    assert found["read"][FOLDER] == "EACCES"
    assert found["read"][KEY] == "EACCES"
    assert Backups(appliance).snapshots() == kept


@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_account_changes_the_files_or_reads_the_key(
    appliance: Machine, kept: list[str], account: str
) -> None:
    for attack in (
        f"rm -r {FOLDER}/snapshots",
        f"mv {FOLDER}/config {FOLDER}/gone",
        f"touch {FOLDER}/data/00/new",
        f"cat {KEY}",
        "ls /etc/credstore",
    ):
        done = run_as(appliance, account, attack)
        assert done.returncode != 0, attack
        assert re.search(r"[Pp]ermission denied", done.stderr), done.stderr
    assert Backups(appliance).snapshots() == kept


def test_only_the_owner_of_the_backups_removes_old_ones(
    appliance: Machine, kept: list[str]
) -> None:
    """The last one of this module: a snapshot is gone afterwards."""
    found = tried(appliance, "cloister-prune.service", FOLDER)
    assert found["has_key"]
    assert found["read"][DOCUMENT] == "ENOENT"
    assert found["read"][CERTIFICATE_KEY] == "ENOENT"
    assert found["forget"]["code"] == 0, found["forget"]
    assert len(Backups(appliance).snapshots()) == 1
    # What it has written anew can be read by the server, and copied.
    assert "no errors were found" in Backups(appliance).restic("check", "--read-data")
    owners = appliance.run(f"find {FOLDER} -printf '%u:%g\n' | sort -u").stdout.split()
    assert owners == ["cloister-repository:cloister-offsite"]


def test_the_key_is_roots_and_as_long_as_it_should_be(appliance: Machine) -> None:
    assert appliance.run(f"stat --format='%U %a' {KEY}").stdout.split() == ["root", "600"]
    assert len(appliance.run(f"base64 --decode {KEY} | wc --bytes").stdout.split()) == 1
    assert int(appliance.run(f"base64 --decode {KEY} | wc --bytes").stdout) == 32


def test_debians_own_server_of_backups_stays_off(appliance: Machine) -> None:
    shown = appliance.run("systemctl is-enabled restic-rest-server", check=False).stdout
    assert shown.strip() == "disabled"
    active = appliance.run("systemctl is-active restic-rest-server", check=False).stdout
    assert active.strip() == "inactive"


def test_a_key_that_is_encrypted_for_this_machine_opens_the_backups(appliance: Machine) -> None:
    """As where there is a TPM, but with the key of the machine's own disk."""
    encrypted = "/etc/credstore.encrypted/cloister.backup-key"
    command = f"systemd-creds encrypt --with-key=host --name=cloister.backup-key {KEY} {encrypted}"
    appliance.run(f"mkdir -p -m 700 /etc/credstore.encrypted && {command}")
    appliance.run(f"mv {KEY} /root/key")
    try:
        found = tried(appliance, "cloister-backup@set.service")
        assert found["has_key"]
        assert found["snapshots"]["code"] == 0, found["snapshots"]
        # An installation that finds it makes no other key.
        appliance.run(CONFIGURE, seconds=300)
        assert appliance.run(f"test -e {KEY}", check=False).returncode != 0
    finally:
        appliance.run(f"mv /root/key {KEY} && rm {encrypted}")
