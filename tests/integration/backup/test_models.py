"""The files of models are saved beside the sets, under the same keys, and only when they change."""

from __future__ import annotations

import base64
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.backup.errors import BackupSpaceError, ModelsOfAnotherError
from appliance.repository.errors import (
    KeyRefusedError,
    RepositoryDamagedError,
    RepositoryFailedError,
    RepositoryMissingError,
)
from appliance.repository.lock import shared
from appliance.repository.place import models_address, own_address
from appliance.repository.recovery_key import RecoveryKey
from appliance.repository.restic import Repository
from appliance.repository.saved_models import SavedModels, read
from tests.builders.backups import BackedUp
from tests.builders.damage import change
from tests.builders.kept_models import add_model
from tests.builders.repositories import PASSWORD, fast_repository
from tests.fakes.offsite import PASSWORD as SECRET
from tests.fakes.offsite import USER, rest_server

KEY = RecoveryKey.new()


@pytest.fixture
async def saved(home: BackedUp) -> BackedUp:
    """A home with two models, which were saved after a set."""
    add_model(home.settings, "llama3.2:3b")
    add_model(home.settings, "nomic-embed-text:latest")
    await home.do("set")
    await home.do("models")
    return home


def models_of(home: BackedUp) -> Repository:
    return Repository(models_address(own_address(home.settings)), PASSWORD)


def folder_of(home: BackedUp) -> Path:
    return home.settings.repository / "models"


def published(home: BackedUp) -> SavedModels:
    found = read(home.settings.backup)
    assert found is not None
    return found


async def test_all_files_of_models_are_in_one_snapshot(saved: BackedUp) -> None:
    (snapshot,) = await models_of(saved).model_snapshots()
    files = await models_of(saved).files(snapshot.id)
    there = {
        f"/{path.relative_to(saved.settings.home)}": path.stat().st_size
        for path in saved.settings.models.rglob("*")
        if path.is_file()
    }
    assert files == there
    assert len(files) == 6
    found = published(saved)
    assert found.names == ("llama3.2:3b", "nomic-embed-text:latest")
    assert found.snapshot.id == snapshot.id
    assert found.left_out == ()
    assert found.bytes > 100_000
    await models_of(saved).check("100%")


async def test_the_sets_know_nothing_of_them(saved: BackedUp) -> None:
    before = await saved.catalog()
    assert len(before.snapshots) == 1
    await saved.do("list")
    assert (await saved.catalog()).bytes == before.bytes < 100_000
    await saved.do("check")
    shutil.rmtree(folder_of(saved))
    await saved.do("check")
    await saved.do("list")


async def test_nothing_is_compressed(home: BackedUp) -> None:
    """A blob of zeros takes its whole size."""
    kept = add_model(home.settings)
    kept.manifest.with_name("zeros").write_bytes(bytes(900_000))
    await home.do("set")
    await home.do("models")
    assert published(home).bytes > 900_000


async def test_they_are_saved_again_only_when_they_have_changed(saved: BackedUp) -> None:
    first = published(saved)
    assert await saved.do("models") == {"skipped": True}
    assert published(saved) == first
    kept = add_model(saved.settings, "mistral:7b")
    found = await saved.do("models")
    assert found["models"] == ["llama3.2:3b", "mistral:7b", "nomic-embed-text:latest"]
    # Only what is new is added.
    assert found["added"] < 60_000
    kept.remove()
    assert (await saved.do("models"))["models"] == list(first.names)
    assert len(await models_of(saved).model_snapshots()) == 3


async def test_without_a_model_there_is_no_repository(home: BackedUp) -> None:
    await home.do("set")
    assert await home.do("models") == {"skipped": True}
    assert not folder_of(home).exists()


async def test_a_blob_that_does_not_fit_its_name_is_named_and_not_saved(home: BackedUp) -> None:
    kept = add_model(home.settings)
    bad = min(kept.blobs)
    change(bad, at=2)
    stranger = bad.with_name(f"{bad.name}-partial-0")
    stranger.write_bytes(b"half a download")
    await home.do("set")
    found = await home.do("models")
    assert found["left_out"] == [bad.name]
    assert published(home).left_out == (bad.name,)
    (snapshot,) = await models_of(home).model_snapshots()
    names = {Path(path).name for path in await models_of(home).files(snapshot.id)}
    assert not {bad.name, stranger.name} & names
    assert len(names) == 2
    # As soon as it is whole, it is saved.
    bad.write_bytes(kept.blobs[bad])
    assert (await home.do("models"))["left_out"] == []


async def test_each_key_of_the_sets_opens_the_models(saved: BackedUp) -> None:
    first, second = RecoveryKey.new(), RecoveryKey.new()
    await saved.add_key(first)
    await saved.do("key", work="verify", recovery_key=first.text)
    opened = Repository(str(folder_of(saved)), first.password)
    assert len(await opened.model_snapshots()) == 1
    await saved.add_key(second)
    replaced = next(
        one.id for one in (await saved.catalog()).keys if one.fingerprint == first.fingerprint
    )
    assert (await saved.do("key", work="verify", recovery_key=second.text))["models"] is True
    await saved.do("prune", remove_key=replaced)
    with pytest.raises(KeyRefusedError):
        await opened.open()
    await Repository(str(folder_of(saved)), second.password).open()


async def test_a_key_that_was_there_before_opens_them_and_so_does_the_sheet(home: BackedUp) -> None:
    await home.add_key(KEY)
    await home.do("set")
    proved = await home.do("key", work="verify", recovery_key=KEY.text)
    assert proved["models"] is False
    add_model(home.settings)
    await home.do("models")
    sheet, folder = await home.do("key", work="sheet"), folder_of(home)
    for path in (*(folder / "keys").iterdir(), folder / "config"):
        path.unlink()
    (folder / "config").write_bytes(base64.b64decode(sheet["config"]))
    (folder / "keys" / sheet["key"]).write_bytes(base64.b64decode(sheet["key_file"]))
    assert len(await Repository(str(folder), KEY.password).model_snapshots()) == 1


async def test_a_key_file_that_the_sets_have_lost_stays_with_the_models(saved: BackedUp) -> None:
    await saved.add_key(KEY)
    await saved.do("key", work="verify", recovery_key=KEY.text)
    found = await saved.do("set")
    await saved.report(found["snapshot"])
    lost = (await saved.catalog()).recovery_key
    assert lost is not None
    (saved.settings.repository / "keys" / lost.id).unlink()
    await saved.do("prune")
    assert (folder_of(saved) / "keys" / lost.id).exists()


async def test_a_lost_key_of_the_machine_is_added_to_both(saved: BackedUp) -> None:
    await saved.add_key(KEY)
    await saved.do("key", work="verify", recovery_key=KEY.text)
    (saved.settings.state / "backup.key").write_text("another one")
    await saved.do("key", work="machine", recovery_key=KEY.text)
    add_model(saved.settings, "mistral:7b")
    assert (await saved.do("models"))["models"]


async def test_models_of_other_backups_are_not_mixed_with_these(saved: BackedUp) -> None:
    before = sorted(folder_of(saved).rglob("*"))
    models = folder_of(saved).rename(saved.settings.home / "models")
    shutil.rmtree(saved.settings.repository)
    fast_repository(saved.settings.repository, "another password")
    (saved.settings.state / "backup.key").write_text("another password")
    (saved.settings.backup / "catalog.json").unlink()
    models.rename(folder_of(saved))
    add_model(saved.settings, "mistral:7b")
    with pytest.raises(ModelsOfAnotherError):
        await saved.do("models")
    assert sorted(folder_of(saved).rglob("*")) == before


async def test_a_disk_that_is_away_is_not_taken_for_a_new_one(saved: BackedUp) -> None:
    shutil.rmtree(folder_of(saved))
    add_model(saved.settings, "mistral:7b")
    with pytest.raises(RepositoryMissingError):
        await saved.do("models")


async def test_before_the_first_set_no_model_is_saved(home: BackedUp) -> None:
    shutil.rmtree(home.settings.repository)
    add_model(home.settings)
    with pytest.raises(RepositoryMissingError):
        await home.do("models")


async def test_a_disk_without_room_is_named_before_anything_is_written(
    saved: BackedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.files()
    add_model(saved.settings, "mistral:7b")
    monkeypatch.setattr("appliance.backup.preflight._RESERVE", 2**60)
    with pytest.raises(BackupSpaceError):
        await saved.do("models")
    assert saved.files() == before


async def test_they_are_saved_through_a_server_that_removes_nothing(
    home: BackedUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the package, where no process of the backup can reach the files."""
    with rest_server(tmp_path, "--append-only") as server:
        shutil.copytree(home.settings.repository, server.folder, dirs_exist_ok=True)
        address = f"rest:http://{USER}:{SECRET}@127.0.0.1:{server.port}/"
        for module in ("repository.place", "backup.publish", "backup.own_models"):
            monkeypatch.setattr(f"appliance.{module}.own_address", lambda _: address)
        add_model(home.settings)
        await home.do("set")
        await home.do("models")
        await home.do("key", work="add", recovery_key=KEY.text)
        proved = await home.do("key", work="verify", recovery_key=KEY.text)
        assert proved["models"] is True
        add_model(home.settings, "mistral:7b")
        await home.do("models")
        await home.do("check", models=True)
        models = Repository(models_address(address), PASSWORD)
        first = (await models.model_snapshots())[-1]
        with pytest.raises(RepositoryFailedError):
            await models.forget_snapshots([first.id])
        assert len(list((server.folder / "models/snapshots").iterdir())) == 2
        assert len(list((server.folder / "models/keys").iterdir())) == 2


async def test_the_newest_two_stay(saved: BackedUp) -> None:
    found = await saved.do("set")
    await saved.report(found["snapshot"])
    for name in ("mistral:7b", "phi:latest"):
        add_model(saved.settings, name)
        await saved.do("models")
    ids = [one.id for one in await models_of(saved).model_snapshots()]
    assert (await saved.do("prune"))["models_removed"] == 1
    assert [one.id for one in await models_of(saved).model_snapshots()] == ids[:2]
    await models_of(saved).check("100%")


async def test_models_stay_while_sets_stay_and_while_they_are_copied(saved: BackedUp) -> None:
    for name in ("mistral:7b", "phi:latest"):
        add_model(saved.settings, name)
        await saved.do("models")
    # No set was verified.
    assert "models_removed" not in await saved.do("prune")
    found = await saved.do("set")
    await saved.report(found["snapshot"])
    async with shared(saved.settings.models_lock, saved.clock, patience=1.0):
        assert "models_removed" not in await saved.do("prune")
    assert "models_removed" not in await saved.do("prune", models_damage="pack 01")
    assert len(await models_of(saved).model_snapshots()) == 3


async def test_damage_is_found_named_and_repaired_by_saving_again(saved: BackedUp) -> None:
    pack = max((folder_of(saved) / "data").rglob("*"), key=lambda path: path.stat().st_size)
    change(pack, at=100)
    with pytest.raises(RepositoryDamagedError, match=pack.name[:12]):
        await saved.do("check", models=True)
    assert pack.name[:12] in published(saved).damage
    # Sets have nothing to do with it.
    assert (await saved.catalog()).damage == ""
    await saved.do("check")
    await saved.do("prune", repair=True, models=True)
    # What is still here is saved again; a model that is gone meanwhile was lost with its pack.
    (saved.settings.models / "models/manifests/registry.ollama.ai/library/llama3.2/3b").unlink()
    for blob in (saved.settings.models / "models/blobs").iterdir():
        if b'"llama3.2:3b"' in blob.read_bytes():
            blob.unlink()
    again = await saved.do("models")
    assert again["models"] == ["nomic-embed-text:latest"]
    # The night that follows removes the state that the repair could not make whole.
    await saved.report((await saved.do("set"))["snapshot"])
    assert "models_removed" in await saved.do("prune")
    assert [one.id for one in await models_of(saved).model_snapshots()] == [again["snapshot"]]
    await saved.do("check", models=True)
    assert published(saved).damage == ""
    assert await saved.do("models") == {"skipped": True}


async def test_the_record_of_a_time_long_ago_is_read(saved: BackedUp) -> None:
    assert published(saved).saved_at <= datetime.now(UTC)
    (saved.settings.backup / "models.json").write_text("{}")
    assert read(saved.settings.backup) is None
    # It is made again from the repository, which has all parts.
    found = await saved.do("models")
    assert found["added"] < 20_000
