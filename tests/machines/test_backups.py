"""Backups of an installed machine: made under load, tried, and of use when the machine is gone."""

from __future__ import annotations

import hashlib
import json

import pytest

from appliance.repository.recovery_key import RecoveryKey
from tests.machines.accounts import run_as
from tests.machines.acknowledged import Acknowledged, working
from tests.machines.backups import KEY, OPERATIONS, SERVER, Backups
from tests.machines.conftest import APPLIANCE
from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour
from tests.machines.programs import wait_until
from tests.machines.units import Units
from tests.machines.visitor import Site

MODELS = "/var/lib/cloister/ollama/models"


@pytest.fixture(scope="module")
def site(appliance: Machine, client: Neighbour) -> Site:
    """The appliance with an operator, and models to choose."""
    site = Site(appliance, client, APPLIANCE)
    Units(appliance).wait_until_all_ready(60)
    site.choose_models()
    site.claim()
    return site


@pytest.fixture(scope="module")
def backups(site: Site) -> Backups:
    return Backups(site.machine)


@pytest.fixture(scope="module")
def kept(site: Site) -> Acknowledged:
    """What people were told is there, before the first set and while it was made."""
    return Acknowledged()


@pytest.fixture(scope="module")
def first(site: Site, backups: Backups, kept: Acknowledged) -> str:
    """A set that was made while people worked: its id."""
    with working(site, kept, "nightly"):
        kept.until(documents=3, answers=2)
        made = backups.do("set", models=[{"name": "fake-chat:latest", "digest": "0" * 64}])
        kept.until(documents=2, answers=1)
    return str(made["snapshot"])


def test_a_set_is_made_while_people_work(backups: Backups, first: str, site: Site) -> None:
    catalog = backups.catalog()
    (made,) = [found for found in catalog["snapshots"] if found["kind"] == "set"]
    assert made["id"] == first
    assert made["content"]["documents"] >= 3
    assert made["content"]["people"] == 1
    listed = backups.restic("ls", first)
    certificates = ("/tls/served.pem", "/authority/authority.pem")
    for part in ("manifest.json", *certificates, "/database/toc.dat", "/configuration/"):
        assert part in listed, part
    # What is in clear text while a set is put together is gone.
    assert site.machine.run("ls /var/lib/cloister/backup").stdout.split().count("set") == 0


def test_what_was_asked_is_not_kept_and_no_secret_is_printed(
    backups: Backups, first: str, site: Site
) -> None:
    key = RecoveryKey.new()
    backups.do("key", work="add", recovery_key=key.text)
    assert backups.do("key", work="verify", recovery_key=key.text)["fingerprint"] == (
        key.fingerprint
    )
    machine = site.machine
    requests = machine.run(f"find {OPERATIONS} -name request").stdout
    assert requests == ""
    everywhere = "grep --recursive --files-with-matches --fixed-strings --"
    for secret in (key.text, key.password, machine.run(f"cat {KEY}").stdout):
        found = machine.run(
            f"{everywhere} {secret} /run/cloister /var/lib/cloister /var/log /tmp; "
            f"journalctl --output=cat | grep --fixed-strings -- {secret}",
            check=False,
        )
        assert found.stdout == ""


def test_a_wrong_key_is_named_and_nothing_is_opened(backups: Backups, first: str) -> None:
    backups.begin("key", work="verify", recovery_key=RecoveryKey.new().text)
    assert backups.end("key")["code"] == "key_unknown"
    backups.begin("key", work="verify", recovery_key="0000-0000")
    assert backups.end("key")["code"] == "key_mistyped"


def test_nothing_new_makes_no_hot_snapshot_and_something_new_makes_one(
    backups: Backups, first: str, site: Site
) -> None:
    backups.do("hot")
    assert backups.do("hot") == {"skipped": True}
    with site.program() as program:
        sent = program.upload("hot.txt", b"The hot lantern hangs over gate hot.")
        assert program.finished(sent.json()["id"])["status"] == "ready"
    made = backups.do("hot")
    assert made["snapshot"] in backups.snapshots("hot")


def test_every_byte_is_read_and_a_changed_one_is_found(
    backups: Backups, first: str, site: Site
) -> None:
    backups.do("check")
    assert backups.catalog()["checked_at"]
    assert backups.catalog()["damage"] == ""
    folder = "/var/lib/cloister/repository/data"
    machine = site.machine
    pack = machine.run(f"find {folder} -type f -size +1k | sort | head -n1").stdout.strip()
    machine.run(f"cp -p {pack} /root/pack")
    machine.run(f"printf x | dd of={pack} bs=1 seek=200 conv=notrunc status=none")
    try:
        backups.begin("check")
        failed = backups.end("check")
        assert failed["outcome"] == "failed"
        assert failed["code"] == "repository_damaged"
        assert backups.catalog()["damage"] != ""
    finally:
        machine.run(f"cp -p /root/pack {pack}")
    backups.do("check")
    assert backups.catalog()["damage"] == ""


def test_pruning_refuses_while_no_set_is_verified(backups: Backups, first: str) -> None:
    before = backups.snapshots()
    found = backups.do("prune", keep_set=1)
    assert found["refused"] == "unverified"
    assert backups.snapshots() == before


def test_a_stopped_operation_ends_at_once_and_is_no_set(
    backups: Backups, first: str, site: Site
) -> None:
    before = backups.snapshots("set")
    backups.begin("set")
    site.machine.wait_until(f"test -s {OPERATIONS}/set/progress")
    stop = "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1"
    stop += " org.freedesktop.systemd1.Manager StopUnit ss cloister-backup@set.service replace"
    # As the supervisor's account, which may do that.
    site.machine.run_as_service(stop, "User=cloister")
    assert backups.end("set", 60)["outcome"] in {"cancelled", "done"}
    assert len(backups.snapshots("set")) <= len(before) + 1
    assert site.machine.run("systemctl --failed --no-legend").stdout == ""
    # Health is looked at every ten seconds: it may still know of the damage that was repaired.
    site.machine.wait_until("cloister status --json", 60)


def test_a_drill_verifies_a_set_in_a_database_of_its_own(
    backups: Backups, first: str, site: Site
) -> None:
    before = Units(site.machine).pids()
    found = backups.do("drill", snapshot=first)
    assert (found["verdict"], found["source"]) == ("verified", "local")
    assert found["tables"] > 10
    (made,) = [one for one in backups.catalog()["snapshots"] if one["id"] == first]
    assert made["drills"][0]["verdict"] == "verified"
    # Nothing of it stays, and the database of the people was left alone.
    left = site.machine.run("ls /var/lib/cloister/backup").stdout.split()
    assert "drill" not in left
    assert site.machine.run("pgrep -u cloister-backup", check=False).stdout == ""
    assert Units(site.machine).pids() == before
    assert "refused" not in backups.do("prune", keep_set=7)
    assert first in backups.snapshots("set")


def test_models_are_saved_copied_and_restored_where_their_runner_reads_them(
    backups: Backups, first: str, site: Site
) -> None:
    machine, content = site.machine, "the weights of a model\n"
    digest = hashlib.sha256(content.encode()).hexdigest()
    part = {"digest": f"sha256:{digest}", "size": len(content)}
    blob = f"{MODELS}/blobs/sha256-{digest}"
    manifest = f"{MODELS}/manifests/registry.ollama.ai/library/tiny/latest"
    owned = "install -o cloister-fetch -g cloister-fetch"
    machine.write("/root/blob", content)
    machine.write("/root/manifest", json.dumps({"config": part, "layers": [part]}))
    machine.run(f"{owned} -m 640 /root/blob {blob}")
    for folder in ("registry.ollama.ai", "registry.ollama.ai/library"):
        machine.run(f"{owned} -d -m 2770 {MODELS}/manifests/{folder}")
    machine.run(f"{owned} -d -m 2770 {manifest.rpartition('/')[0]}")
    machine.run(f"{owned} -m 640 /root/manifest {manifest}")

    found = backups.do("models")
    assert "tiny:latest" in found["models"]
    assert found["left_out"] == []
    assert backups.do("models") == {"skipped": True}
    assert backups.snapshots("models") == []
    assert backups.snapshots("models", repository=f"{SERVER}models/") == [found["snapshot"]]
    backups.do("check", models=True)
    status = json.loads(machine.run("cloister backup status --json", check=False).stdout)
    assert "tiny:latest" in status["models"]["names"]

    backups.make_folder("/mnt/models-copy")
    backups.set_up_target(4, kind="folder", place="/mnt/models-copy")
    backups.do("offsite-4", work="probe")
    assert backups.do("offsite-4", work="copy", now=True)["models_complete"]

    machine.run(f"rm -r {blob} {manifest.rpartition('/')[0]}")
    machine.run("cloister restore --what models --yes", seconds=300)
    for path in (blob, manifest):
        assert machine.run(f"stat --format='%G %a' {path}").stdout.split() == [
            "cloister-fetch",
            "640",
        ]
        # Its runner reads it, and the account that fetches may replace it.
        assert run_as(machine, "cloister-ollama", f"cat {path}").returncode == 0
        assert (
            run_as(machine, "cloister-fetch", f"cp {path} {path}.new && rm {path}.new").returncode
            == 0
        )
    assert run_as(machine, "cloister-ollama", f"cat {blob}").stdout == content
    machine.run("rm /var/lib/cloister/offsite/4.json")


def test_the_supervisor_tries_a_copy_through_its_gateway(
    backups: Backups, first: str, site: Site
) -> None:
    machine, place = site.machine, "/mnt/tried-copy"
    backups.make_folder(place)
    added = site.cli(f"backup targets add folder --name tried --place {place}")
    number = str(added["number"])

    def is_done(kind: str) -> bool:
        """Whether such a job for the copy was done. The schedule may have begun it already."""
        jobs = [job for job in site.cli(f"job list --kind {kind}") if job["subject"] == number]
        failed = [job for job in jobs if job["state"] == "failed"]
        assert failed == []
        return any(job["state"] == "done" for job in jobs)

    machine.run(f"cloister backup targets copy {number}", check=False)
    wait_until(lambda: is_done("offsite"), "the copy", 300)
    with site.visitor() as visitor:
        assert visitor.sign_in().is_redirect
        page = "/admin/backups"
        assert visitor.post(f"{page}/targets/{number}/drill", page).status_code == 303
    wait_until(lambda: is_done("drill"), "a restore of the copy", 300)
    drills = [drill for one in backups.catalog()["snapshots"] for drill in one["drills"]]
    assert "verified" in {drill["verdict"] for drill in drills if drill["source"] == number}
    # Its gateway has ended, and nothing of it or of the drill stays.
    assert not backups.runs(f"offsite-{number}")
    assert machine.run("ls /run/cloister/offsite").stdout.split() == []
    assert "drill" not in machine.run("ls /var/lib/cloister/backup").stdout.split()
    site.cli(f"backup targets remove {number} --yes")


def test_a_restore_on_the_same_machine_can_be_undone_and_confirmed(
    backups: Backups, first: str, site: Site, kept: Acknowledged
) -> None:
    machine = site.machine
    made = backups.do("set")["snapshot"]
    with site.program() as program:
        later = program.upload("later.txt", b"The later lantern hangs over gate later.")
        number = later.json()["id"]
        assert program.finished(number)["status"] == "ready"
    restore = f"cloister restore --set {made[:12]} --yes"

    def there() -> bool:
        with site.program() as program:
            return bool(program.http.get(f"/api/documents/{number}").is_success)

    assert there()
    machine.run(restore, seconds=600)
    backups.wait_until_exchanged()
    assert not there()
    backups.undo()
    assert there()
    machine.run(restore, seconds=600)
    backups.wait_until_exchanged()
    assert not there()
    machine.run("cloister restore confirm", seconds=300)
    folders = machine.run("ls /var/lib/cloister/postgres").stdout.split()
    assert folders == ["data", *(["restore.lock"] if "restore.lock" in folders else [])]
    with site.program() as program, site.visitor() as visitor:
        assert visitor.sign_in().is_redirect
        kept.check(program, visitor)


def test_a_machine_that_lost_its_own_key_is_let_in_by_the_recovery_key(
    backups: Backups, first: str, site: Site
) -> None:
    key, machine = RecoveryKey.new(), site.machine
    backups.do("key", work="add", recovery_key=key.text)
    machine.run(f"rm {KEY}")
    backups.begin("set")
    assert backups.end("set")["code"] == "machine_key_missing"
    machine.run("dpkg-reconfigure cloister", seconds=120)
    Units(machine).wait_until_all_ready(120)
    machine.write("/root/recovery-key", f"{key.text}\n", 0o600)
    site.cli("backup key machine --key-file /root/recovery-key")
    assert first in backups.snapshots("set")
    assert backups.do("set")["snapshot"] in backups.snapshots("set")
