"""A place that is only restored from: it is read, and never written to."""

from __future__ import annotations

import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.offsite.errors import (
    NoBackupsThereError,
    TargetRestoresOnlyError,
    TargetUnreadableError,
)
from appliance.offsite.model import Protection, Target, TargetState
from appliance.offsite.places import folder as folder_place
from tests.builders.offsite import Machine, machine

DISK = {"kind": "folder", "place": "/mnt/disk/cloister", "name": "disk"}


def shape_of(folder: Path) -> dict[str, int]:
    """Return what is below a folder, and when each was changed."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


async def test_the_backups_of_another_machine_are_found_and_left_as_they_are(
    home: Machine, target: tuple[Target, Path], tmp_path: Path
) -> None:
    home.back_up()
    await home.do("probe")
    await home.do("copy")
    before = shape_of(target[1])
    empty = machine(tmp_path / "empty")
    empty.set_up(replace(target[0], restores_only=True))
    found = await empty.do("probe", prepare=True)
    assert (found["holds"], found["snapshots"]) == ("backups", 1)
    state = await empty.state()
    assert (state.error, state.prepared_at) == ("", None)
    assert state.protection is Protection.UNKNOWN
    empty.add_documents()
    empty.back_up()
    with pytest.raises(TargetRestoresOnlyError):
        await empty.do("copy", now=True)
    assert shape_of(target[1]) == before


async def test_a_place_without_backups_is_refused_and_stays_empty(
    home: Machine, target: tuple[Target, Path]
) -> None:
    home.set_up(replace(target[0], restores_only=True))
    with pytest.raises(NoBackupsThereError):
        await home.do("probe")
    assert not target[1].exists() or list(target[1].iterdir()) == []


async def test_a_folder_that_is_not_there_is_not_made(home: Machine, tmp_path: Path) -> None:
    home.folder_target(tmp_path / "disk", restores_only=True)
    (tmp_path / "disk").rmdir()
    with pytest.raises(NoBackupsThereError) as caught:
        await home.do("probe")
    assert "check that it is mounted" in caught.value.advice
    assert not (tmp_path / "disk").exists()


async def test_a_copy_that_has_lost_its_config_is_one(home: Machine, tmp_path: Path) -> None:
    home.folder_target(tmp_path / "disk")
    home.back_up()
    await home.do("probe")
    await home.do("copy")
    (tmp_path / "disk/config").unlink()
    home.folder_target(tmp_path / "disk", restores_only=True)
    assert (await home.do("probe"))["snapshots"] == 1


@pytest.mark.parametrize("account", ["cloister-offsite", "ada"])
async def test_a_folder_that_may_not_be_read_names_what_root_does(
    home: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    disk = tmp_path / "disk"
    home.folder_target(disk, restores_only=True)
    (disk / "snapshots").mkdir()

    def refuse(*_: object) -> object:
        raise PermissionError(13, os.strerror(13))

    # Root may read each file: the system's answer to another account is given by the test.
    monkeypatch.setattr(folder_place, "sizes_in", refuse)
    own = pwd.getpwuid(os.geteuid())
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd((account, *own[1:])))
    with pytest.raises(TargetUnreadableError) as caught:
        await home.do("probe")
    owner = "cloister-offsite:cloister-repository" if account != "ada" else "ada"
    assert caught.value.message == f"The account {account} may not read {disk}."
    assert caught.value.advice.endswith(f"sudo chown -R {owner} {disk}")


async def test_it_stays_what_it_is_when_it_is_changed(home: Machine) -> None:
    targets = home.targets
    kept = await targets.save(None, DISK, restores_only=True)
    assert (await targets.target(kept.number)).restores_only
    await targets.keep_state(kept.number, TargetState(free=1))
    changed = await targets.save(kept.number, {**DISK, "name": "other"})
    assert changed.restores_only
    assert not (await targets.save(None, DISK)).restores_only


async def test_targets_of_earlier_versions_are_those_of_copies(home: Machine) -> None:
    await home.targets.save(None, DISK)
    path = home.settings.offsite / "1.json"
    path.write_text(path.read_text().replace(',\n "restores_only": false', ""))
    assert "restores_only" not in path.read_text()
    assert not (await home.targets.target(1)).restores_only
