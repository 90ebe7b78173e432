"""The union of copies over weeks is a sound repository, whatever was removed and killed meanwhile.

The machine forgets, prunes and repacks; the target never deletes.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path
from subprocess import Popen

import pytest

from appliance.offsite.errors import CopyDamagedError
from tests.appliance import wait_until
from tests.builders.damage import change
from tests.builders.offsite import Machine, restic
from tests.builders.repositories import PASSWORD, make_fast

WEEKS, KILLS_A_WEEK = 5, 4
_NEW_KEY = "the key of another sheet"


def random_moments(seed: int) -> random.Random:
    """Return the same moments for each run of a test."""
    return random.Random(seed)  # noqa: S311 - nothing has to be secret


def kill_in_mid_copy(home: Machine, chance: random.Random) -> None:
    """Start a copy, and kill it at a random moment of its work."""
    process = home.start("copy")
    wait_until(lambda: home.folder().progress() or has_ended(process), "the copy to begin")
    time.sleep(chance.uniform(0, 0.5))
    process.send_signal(signal.SIGKILL)
    process.communicate()


def has_ended(process: Popen[bytes]) -> bool:
    return process.poll() is not None


def expect_sound(repository: Path, saved: dict[str, dict[str, bytes]], folder: Path) -> None:
    """Read everything that is in a copy, and restore each snapshot that was ever there."""
    told = restic(repository, "check", "--read-data")
    assert "no errors were found" in told
    for snapshot, files in saved.items():
        out = folder / snapshot[:8]
        restic(repository, "restore", snapshot, f"--target={out}")
        found = {path.name: path.read_bytes() for path in (out / "documents").iterdir()}
        assert found == files
        shutil.rmtree(out)


def documents_of(home: Machine) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.documents.iterdir()}


def remove_some_documents(home: Machine, chance: random.Random) -> None:
    for path in chance.sample(sorted(home.documents.iterdir()), 3):
        path.unlink()


@pytest.mark.timeout(400)
async def test_each_snapshot_that_was_ever_copied_restores_byte_for_byte(
    home: Machine, tmp_path: Path
) -> None:
    chance, copy = random_moments(8), tmp_path / "disk"
    # So slow that the moments of the kills fall into the sending.
    home.folder_target(copy, limit=1500)
    await home.do("probe")
    saved: dict[str, dict[str, bytes]] = {}
    for week in range(WEEKS):
        home.add_documents(6, 120_000)
        if week:
            remove_some_documents(home, chance)
        snapshot = home.back_up()
        for _ in range(KILLS_A_WEEK):
            kill_in_mid_copy(home, chance)
        assert (await home.do("copy"))["complete"]
        saved[snapshot] = documents_of(home)
        if week == 2:
            replace_key(home, tmp_path)
        repository = home.settings.repository
        restic(repository, "forget", "--keep-last=1", "--prune", "--max-unused=0")
    # Nothing of the first week is left here, and all of it is there.
    assert len(list(home.settings.repository.glob("snapshots/*"))) == 1
    assert len(list(copy.glob("snapshots/*"))) == WEEKS
    assert list((copy / "tmp").iterdir()) == []
    expect_sound(copy, saved, tmp_path / "out")
    assert "no errors were found" in restic(copy, "check", password=_NEW_KEY)


def replace_key(home: Machine, folder: Path) -> None:
    """Add two keys and remove the one that was there, as when a sheet is replaced."""
    keys, typed = home.settings.repository / "keys", folder / "typed"
    (old,) = keys.iterdir()
    for password in (_NEW_KEY, PASSWORD):
        before = set(keys.iterdir())
        typed.write_text(password)
        restic(home.settings.repository, "key", "add", f"--new-password-file={typed}")
        (added,) = set(keys.iterdir()) - before
        make_fast(added, password)
    old.unlink()


async def test_a_copy_that_was_killed_shows_no_half_file(home: Machine, tmp_path: Path) -> None:
    chance, copy = random_moments(4), tmp_path / "disk"
    home.folder_target(copy, limit=400)
    home.back_up()
    await home.do("probe")
    own = {path.name: path for path in home.settings.repository.rglob("*") if path.is_file()}
    for _ in range(4):
        kill_in_mid_copy(home, chance)
        for path in copy.rglob("*"):
            if path.is_file() and path.parent.name != "tmp" and path.name != "cloister-target":
                assert path.read_bytes() == own[path.name].read_bytes()


async def test_what_names_a_damaged_file_waits_until_it_is_repaired(
    home: Machine, tmp_path: Path
) -> None:
    """An index at the target that names a pack that is missing would spoil the sound rest."""
    copy = tmp_path / "disk"
    home.folder_target(copy)
    first = home.back_up()
    await home.do("probe")
    await home.do("copy")
    before = set(home.settings.repository.glob("data/*/*"))
    home.add_documents(4)
    second = home.back_up()
    new = sorted(set(home.settings.repository.glob("data/*/*")) - before)
    change(new[0], at=50)

    with pytest.raises(CopyDamagedError) as caught:
        await home.do("copy")

    assert caught.value.facts["here"] == [f"data/{new[0].name}"]
    assert all((copy / "data" / one.name[:2] / one.name).exists() for one in new[1:])
    assert not (copy / "snapshots" / second).exists()
    assert "no errors were found" in restic(copy, "check", "--read-data")
    assert first[:8] in restic(copy, "snapshots")
    change(new[0], at=50)
    await home.do("copy")
    assert "no errors were found" in restic(copy, "check", "--read-data")
    assert second[:8] in restic(copy, "snapshots")
