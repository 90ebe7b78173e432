"""A copy is a repository of its own at each kind of target, and nothing there is replaced."""

from __future__ import annotations

import hashlib
from pathlib import Path

from appliance.offsite.model import Protection, Target, TargetKind
from tests.builders.offsite import Machine, restic


def files_in(folder: Path) -> dict[str, str]:
    """Return the files of a repository, with their sums."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "cloister-target" and path.parent.name != "locks"
    }


async def test_a_copy_restores_without_the_machine(
    home: Machine, target: tuple[Target, Path], tmp_path: Path
) -> None:
    snapshot = home.back_up()
    await home.do("probe")
    found = await home.do("copy")

    assert found["complete"]
    assert found["sent_files"] == found["files"] == len(files_in(target[1]))
    assert files_in(target[1]) == files_in(home.settings.repository)
    assert "no errors were found" in restic(target[1], "check", "--read-data")
    restic(target[1], "restore", snapshot, f"--target={tmp_path / 'out'}")
    for path in home.documents.iterdir():
        assert (tmp_path / "out/documents" / path.name).read_bytes() == path.read_bytes()


async def test_a_later_copy_brings_only_what_is_new(
    home: Machine, target: tuple[Target, Path]
) -> None:
    home.back_up()
    await home.do("probe")
    first = await home.do("copy")
    again = await home.do("copy")
    assert again["sent_files"] == 0
    assert again["bytes"] == first["bytes"]

    home.add_documents(1)
    newest = home.back_up()
    later = await home.do("copy")
    # A pack of data, a pack of folders, an index and a snapshot.
    assert 0 < later["sent_files"] <= 4
    state = await home.state()
    assert state.files == later["files"]
    assert state.complete_at is not None
    assert newest[:8] in restic(target[1], "snapshots")


async def test_the_first_try_says_what_the_target_is_like(
    home: Machine, target: tuple[Target, Path], kind: TargetKind
) -> None:
    home.back_up()
    found = await home.do("probe")
    assert found["holds"] == "nothing"
    assert found["protection"] == Protection.NONE
    assert (found["free"] or 0) > 0 or kind in {TargetKind.REST, TargetKind.S3}
    await home.do("copy")
    found = await home.do("probe")
    assert (found["holds"], found["snapshots"]) == ("own", 1)
    assert (await home.state()).protection is Protection.NONE
    assert files_in(target[1]) == files_in(home.settings.repository)
