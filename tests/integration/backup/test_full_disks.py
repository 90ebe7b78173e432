"""A disk that becomes full while a set is made: it is named, and the last good set stays whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from appliance.backup import preflight
from appliance.backup.errors import BackupDiskFullError, BackupSpaceError
from appliance.repository.errors import RepositoryCrashedError
from tests.builders.backups import BackedUp
from tests.builders.offsite import restic
from tests.disks import needs_mounts, small_disk
from tests.integration.backup.test_faults import dumping
from tests.integration.backup.whole import assert_each_snapshot_is_whole

pytestmark = needs_mounts


def assert_it_says_how_much(error: BackupDiskFullError | BackupSpaceError, place: Path) -> None:
    words = error.message
    assert str(place) in words
    assert str(error.facts["needed"]) in words
    assert str(error.facts["free"]) in words


async def test_a_disk_that_is_too_small_is_said_before_anything_is_written(home: BackedUp) -> None:
    home.add_documents(1)
    await home.do("set")
    before = home.files()
    shutil.rmtree(home.settings.backup)
    with small_disk(home.settings.backup, "32m"):
        with pytest.raises(BackupSpaceError) as caught:
            await home.do("set")
        assert_it_says_how_much(caught.value, home.settings.backup)
        assert not (home.settings.backup / "set").exists()
    assert home.files() == before


async def test_a_stage_that_becomes_full_fails_the_set(
    home: BackedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "_RESERVE", 1024)
    home.add_documents(1)
    with small_disk(home.settings.backup, "64m") as disk:
        await home.do("set")
        before = home.files()
        async with dumping(home) as task:
            disk.fill()
        with pytest.raises(BackupDiskFullError) as caught:
            await task
        assert_it_says_how_much(caught.value, home.settings.backup)
        assert not (home.settings.backup / "set").exists()
        assert home.files() == before
        restic(home.settings.repository, "check", "--read-data")
        disk.make_room()
        await home.do("set")
        assert await assert_each_snapshot_is_whole(home) == 2


async def test_a_repository_that_becomes_full_fails_the_set(home: BackedUp, tmp_path: Path) -> None:
    folder = home.settings.repository
    shutil.move(folder, tmp_path / "empty")
    with small_disk(folder, "24m") as disk:
        shutil.copytree(tmp_path / "empty", folder, dirs_exist_ok=True)
        home.add_documents(2)
        await home.do("set")
        listed = (await home.catalog()).snapshots
        home.add_documents(1, size=40_000_000)
        with pytest.raises(BackupDiskFullError) as caught:
            await home.do("set")
        assert_it_says_how_much(caught.value, folder)
        assert not (home.settings.backup / "set").exists()
        # What a crash of the program left goes with the next removal, which refuses all else.
        assert (await home.do("prune"))["refused"] == "unverified"
        assert not list(folder.rglob("*tmp*"))
        assert (await home.catalog()).snapshots == listed
        assert await assert_each_snapshot_is_whole(home) == 1
        restic(folder, "check", "--read-data", "--no-lock")
        disk.remount("size=200m")
        await home.do("set")
        assert await assert_each_snapshot_is_whole(home) == 2


async def test_a_program_that_crashes_without_enough_room_names_the_disk(
    home: BackedUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add_documents(1)
    await home.do("set")
    # As restic 0.14 sometimes ends where a disk becomes full: with the code of a crash.
    crash = f"""#!/bin/sh
case "$*" in *" backup "*) echo "panic: nil pointer" >&2; exit 2 ;; esac
exec {shutil.which("restic")} "$@"
"""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "restic").write_text(crash)
    (tmp_path / "bin" / "restic").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(RepositoryCrashedError, match="panic"):
        await home.do("set")
    monkeypatch.setattr("appliance.backup.saving.free_in", lambda _: 3_000_000)
    home.add_documents(1, size=4_000_000)
    with pytest.raises(BackupDiskFullError):
        await home.do("set")
