"""The files of models come back, each compared with its name; good ones that are here stay."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from appliance.core.settings import Settings
from appliance.operations.errors import OperationError
from appliance.repository.recovery_key import RecoveryKey
from tests.builders.damage import change
from tests.builders.kept_models import KeptModel, add_model
from tests.builders.offsite import restic
from tests.builders.restores import Machine, hand_over, run_operation

pytestmark = pytest.mark.timeout(240)
RESTORE = {"work": "restore", "what": "models"}


@pytest.fixture
def kept(machine: Machine) -> list[KeptModel]:
    """Two models that were saved."""
    kept = [add_model(machine.settings, name) for name in ("llama3.2:3b", "mistral:7b")]
    hand_over(machine.settings.models)
    machine.run("set")
    assert len(machine.run("models")["models"]) == 2
    return kept


def restored(settings: Settings, **request: object) -> dict[str, Any]:
    return run_operation(settings, "restore", {**RESTORE, **request})


def refused(settings: Settings, **request: object) -> OperationError:
    with pytest.raises(OperationError) as caught:
        restored(settings, **request)
    return caught.value


def files_in(settings: Settings) -> dict[str, bytes]:
    folder = settings.models / "models"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_an_empty_machine_gets_all_models_with_the_recovery_key_alone(
    machine: Machine, kept: list[KeptModel], empty_machine: Settings, copy: Path
) -> None:
    key = RecoveryKey.new()
    machine.run("key", work="add", recovery_key=key.text)
    shutil.copytree(machine.settings.repository, copy)
    hand_over(copy)
    place = {"address": str(copy), "key": key.text}
    before = run_operation(empty_machine, "restore", {"work": "preview", "what": "models", **place})
    assert before["models"] == ["llama3.2:3b", "mistral:7b"]
    assert before["room"] > 100_000
    found = restored(empty_machine, **place)
    assert found["models"] == found["added"] == ["llama3.2:3b", "mistral:7b"]
    assert found["files"] == 4
    assert files_in(empty_machine) == files_in(machine.settings)
    assert not (empty_machine.models / "incoming/restored").exists()
    for path in (empty_machine.models / "models").rglob("*"):
        assert path.stat().st_mode & 0o777 in ({0o640} if path.is_file() else {0o770, 0o750})
        assert path.stat().st_uid == copy.stat().st_uid


def test_what_is_good_stays_and_what_is_missing_or_damaged_comes_back(
    machine: Machine, kept: list[KeptModel]
) -> None:
    first, second = kept
    good, damaged = sorted(first.blobs)
    change(damaged, at=3)
    second.remove()
    inode = good.stat().st_ino
    found = restored(machine.settings)
    assert found["files"] == 3
    assert found["added"] == ["mistral:7b"]
    assert first.is_whole()
    assert second.is_whole()
    assert good.stat().st_ino == inode
    # There is nothing left to do.
    assert restored(machine.settings)["files"] == 0


def test_a_later_version_of_a_model_is_not_replaced(
    machine: Machine, kept: list[KeptModel]
) -> None:
    later = add_model(machine.settings, "mistral:7b")
    hand_over(machine.settings.models)
    before = later.manifest.read_bytes()
    found = restored(machine.settings)
    assert found["added"] == []
    assert later.manifest.read_bytes() == before
    # One that is not whole is.
    max(later.blobs, key=lambda path: path.stat().st_size).unlink()
    assert restored(machine.settings)["added"] == ["mistral:7b"]
    assert kept[1].is_whole()


def test_a_damaged_pack_costs_the_models_that_need_it_and_no_other_file(
    machine: Machine, kept: list[KeptModel]
) -> None:
    later = add_model(machine.settings, "phi:latest", size=200_000)
    hand_over(machine.settings.models)
    before = set(machine.settings.repository.glob("models/data/*/*"))
    machine.run("models")
    new = set(machine.settings.repository.glob("models/data/*/*")) - before
    change(max(new, key=lambda path: path.stat().st_size), at=100)
    shutil.rmtree(machine.settings.models / "models")
    error = refused(machine.settings)
    assert error.result.code in {"repository_damaged", "files_differ"}
    assert all(one.is_whole() for one in kept)
    assert not later.manifest.exists()
    assert not any(
        path.exists() and path.read_bytes() != blob for path, blob in later.blobs.items()
    )


def test_backups_without_models_and_wrong_keys_say_so(
    machine: Machine, empty_machine: Settings
) -> None:
    key = RecoveryKey.new()
    machine.run("set")
    machine.run("key", work="add", recovery_key=key.text)
    place = {"address": str(machine.settings.repository)}
    assert refused(empty_machine, **place, key=key.text).result.code == "restore_no_models"
    assert refused(machine.settings).result.code == "restore_no_models"
    other = RecoveryKey.new().text
    assert refused(empty_machine, **place, key=other).result.code == "key_unknown"


def test_names_that_lead_elsewhere_are_left_out(machine: Machine, kept: list[KeptModel]) -> None:
    """Who forges a snapshot writes nothing outside of the folders of models."""
    folder = machine.settings.models / "models"
    stranger = folder / "blobs" / "sub" / f"sha256-{'0' * 64}"
    stranger.parent.mkdir()
    stranger.write_text("stranger")
    deep = folder / "manifests/a/b/c/d/e"
    deep.parent.mkdir(parents=True)
    deep.write_text("{}")
    (folder / "blobs" / f"sha256-{'1' * 64}").symlink_to("/etc/hostname")
    hand_over(folder)
    repository = machine.settings.repository / "models"
    restic(repository, "backup", "--tag=models", "ollama/models", folder=machine.settings.home)
    hand_over(repository)
    shutil.rmtree(folder)
    found = restored(machine.settings)
    assert found["files"] == 4
    assert not stranger.exists()
    assert not deep.exists()
    assert not list(folder.glob(f"blobs/sha256-{'1' * 64}"))


def test_the_copies_of_the_sheet_open_the_models_as_well(
    machine: Machine, kept: list[KeptModel], empty_machine: Settings, copy: Path
) -> None:
    key = RecoveryKey.new()
    sheet = machine.run("key", work="add", recovery_key=key.text)
    shutil.copytree(machine.settings.repository, copy)
    for folder in (copy, copy / "models"):
        (folder / "config").unlink()
        shutil.rmtree(folder / "keys")
        (folder / "keys").mkdir()
    hand_over(copy)
    place = {"address": str(copy), "key": key.text}
    files = {name: sheet[name] for name in ("key_file", "config")}
    found = restored(empty_machine, **place, **files)
    assert found["models"] == ["llama3.2:3b", "mistral:7b"]
    shutil.rmtree(copy / "models")
    assert refused(empty_machine, **place, **files).result.code == "restore_no_models"
