"""The models that were saved follow the sets to each kind of target, and can be read there."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from appliance.offsite.copy import Copied, Copying
from appliance.offsite.errors import TargetFullError, TargetOfAnotherError
from appliance.offsite.model import Target
from appliance.repository import lock
from appliance.repository.errors import RepositoryBusyError, RepositoryMissingError
from appliance.repository.place import models_address
from appliance.repository.restic import Repository
from tests.builders.kept_models import add_model
from tests.builders.offsite import Machine, restic
from tests.builders.repositories import PASSWORD
from tests.fakes.clock import FakeClock
from tests.integration.offsite.test_copy_run import times
from tests.integration.offsite.test_gateway import running, shown


@pytest.fixture
def saved(home: Machine) -> Machine:
    """A machine with a set and a model that were saved."""
    home.back_up()
    save_models(home)
    return home


def save_models(home: Machine) -> str:
    """Save one more model beside the sets, as the operation does; return the id."""
    folder = home.settings.repository / "models"
    if not folder.exists():
        for name in ("data", "index", "keys", "locks", "snapshots"):
            (folder / name).mkdir(parents=True)
        for name in ("config", *(f"keys/{one.name}" for one in folder.parent.glob("keys/*"))):
            shutil.copy(folder.parent / name, folder / name)
    add_model(home.settings, f"model{len(list(folder.glob('snapshots/*')))}:latest")
    before = set(folder.glob("snapshots/*"))
    restic(folder, "backup", "--tag=models", "ollama/models", folder=home.settings.home)
    (new,) = set(folder.glob("snapshots/*")) - before
    return new.name


async def test_models_are_copied_and_shown_to_restic(
    saved: Machine, target: tuple[Target, Path], tmp_path: Path
) -> None:
    await saved.do("probe")
    found = await saved.do("copy")
    assert found["models_complete"] is True
    state = await saved.state()
    assert state.models_at is not None
    assert state.complete_at is not None
    own = [path for path in saved.settings.repository.rglob("*") if path.is_file()]
    assert state.files == len([path for path in own if path.parent.name != "locks"])
    async with running(saved) as runner, shown(saved, runner, 1) as address:
        repository = Repository(models_address(address), PASSWORD)
        (snapshot,) = await repository.model_snapshots()
        await repository.check("100%")
        await repository.restore(snapshot.id, tmp_path / "out")
    there = {path.name for path in (tmp_path / "out/ollama/models/blobs").iterdir()}
    assert there == {path.name for path in (saved.settings.models / "models/blobs").iterdir()}
    # A second copy has nothing to send.
    assert (await saved.do("copy"))["sent_files"] == 0


async def test_without_saved_models_nothing_is_made_at_the_target(
    home: Machine, tmp_path: Path
) -> None:
    home.back_up()
    home.folder_target(tmp_path / "disk")
    await home.do("probe")
    assert "models_complete" not in await home.do("copy")
    assert not (tmp_path / "disk/models").exists()
    async with running(home) as runner, shown(home, runner, 1) as address:
        repository = Repository(models_address(address), PASSWORD)
        with pytest.raises(RepositoryMissingError):
            await repository.open()


async def test_a_copy_of_models_that_fails_leaves_that_of_the_sets_whole(
    saved: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved.folder_target(tmp_path / "disk")
    await saved.do("probe")
    fails = [True]

    class Full(Copying):
        @override
        async def run(self) -> Copied:
            if fails:
                raise TargetFullError(place="disk")
            return await super().run()

    monkeypatch.setattr("appliance.offsite.copy_models.Copying", Full)
    for failures in (1, 2):
        with pytest.raises(TargetFullError):
            await saved.do("copy")
        state = await saved.state()
        assert state.complete_at is not None
        assert state.models_at is None
        assert (state.error, state.failures) == (TargetFullError.code, failures)
        assert state.next_try_at is not None
    assert "no errors were found" in restic(tmp_path / "disk", "check", "--read-data")
    fails.clear()
    assert (await saved.do("copy"))["models_complete"]
    assert (await saved.state()).error == ""


async def test_models_wait_for_the_time_of_the_day_and_sets_do_not_wait_for_them(
    home: Machine, tmp_path: Path
) -> None:
    home.back_up()
    home.clock = clock = FakeClock()
    window = times(clock, -timedelta(hours=1), timedelta(minutes=1))
    home.folder_target(tmp_path / "disk", **window)
    await home.do("probe")
    await home.do("copy")
    add_model(home.settings, "large:latest", size=400_000)
    save_models(home)
    # So slow that a minute is over before all models are there.
    home.folder_target(tmp_path / "disk", limit=4, **window)
    found = await home.do("copy")
    assert (found["complete"], found["models_complete"]) == (True, False)
    state = await home.state()
    assert (state.error, state.models_at) == ("", None)
    assert list(tmp_path.glob("disk/models/snapshots/*")) == []
    home.folder_target(tmp_path / "disk")
    assert (await home.do("copy", now=True))["models_complete"]


async def test_old_sets_can_be_removed_while_models_are_copied(
    saved: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved.folder_target(tmp_path / "disk")
    await saved.do("probe")
    held = []

    class Watching(Copying):
        @override
        async def run(self) -> Copied:
            async with lock.exclusive(saved.settings.repository_lock, saved.clock, patience=0):
                held.append("sets")
            with pytest.raises(RepositoryBusyError):
                async with lock.exclusive(saved.settings.models_lock, saved.clock, patience=0):
                    pass
            return await super().run()

    monkeypatch.setattr("appliance.offsite.copy_models.Copying", Watching)
    await saved.do("copy")
    assert held == ["sets"]


async def test_the_union_of_copies_stays_sound_while_old_models_are_removed(
    saved: Machine, tmp_path: Path
) -> None:
    copy, ids = tmp_path / "disk", []
    saved.folder_target(copy)
    await saved.do("probe")
    for _ in range(3):
        await saved.do("copy")
        ids.append(save_models(saved))
        own = saved.settings.repository / "models"
        restic(own, "forget", "--keep-last=1", "--prune", "--max-unused=0")
    await saved.do("copy")
    assert len(list(copy.glob("models/snapshots/*"))) == 4
    assert "no errors were found" in restic(copy / "models", "check", "--read-data")
    assert "no errors were found" in restic(copy, "check", "--read-data")


async def test_models_of_another_machine_are_left_alone(saved: Machine, tmp_path: Path) -> None:
    copy = tmp_path / "disk"
    saved.folder_target(copy)
    await saved.do("probe")
    await saved.do("copy")
    (copy / "models/config").write_bytes(b"of another machine")
    (key,) = (copy / "models/keys").iterdir()
    key.rename(key.with_name("0" * 64))
    with pytest.raises(TargetOfAnotherError):
        await saved.do("copy")
