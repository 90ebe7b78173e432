"""Targets are files: one that an operator wrote, one with how copies went."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.offsite.errors import TargetInvalidError, TargetMissingError
from appliance.offsite.model import Protection, TargetState
from appliance.offsite.targets import Targets, public
from tests.fakes.clock import START

DISK = {"kind": "folder", "place": "/mnt/disk/cloister", "name": "disk"}
REST = {"kind": "rest-server", "place": "https://h.example/", "user": "u", "secret": "hush"}


@pytest.fixture
def targets(tmp_path: Path) -> Targets:
    return Targets(tmp_path / "offsite")


async def test_it_keeps_targets_under_the_first_free_number(targets: Targets) -> None:
    assert await targets.targets() == ()
    disk = await targets.save(None, DISK)
    rest = await targets.save(None, REST)
    assert [target.number for target in (disk, rest)] == [1, 2]
    assert await targets.targets() == (disk, rest)
    await targets.remove(1)
    assert (await targets.save(None, DISK)).number == 1
    for _ in range(2):
        await targets.save(None, DISK)
    with pytest.raises(TargetInvalidError):
        await targets.save(None, DISK)


async def test_others_cannot_read_the_file(targets: Targets) -> None:
    await targets.save(None, REST)
    mode = stat.S_IMODE((targets.folder / "1.json").stat().st_mode)
    assert mode == 0o640


async def test_what_is_shown_has_no_secret(targets: Targets) -> None:
    target = await targets.save(None, REST)
    assert target.secret == "hush"
    shown = public(target)
    assert "secret" not in shown
    assert shown["has_secret"] is True
    assert "hush" not in str(shown)


async def test_it_keeps_how_copies_went(targets: Targets) -> None:
    await targets.save(None, DISK)
    state = TargetState(
        prepared_at=START,
        tried_at=START,
        complete_at=START,
        files=3,
        bytes=10,
        free=99,
        protection=Protection.APPEND_ONLY,
        error="offsite_full",
        failures=2,
        next_try_at=START,
    )
    await targets.keep_state(1, state)
    assert await targets.state(1) == state
    # Another limit changes nothing of it; another place begins again.
    await targets.save(1, {**DISK, "limit": "5"})
    assert await targets.state(1) == state
    await targets.save(1, {**DISK, "place": "/mnt/other/cloister"})
    assert await targets.state(1) == TargetState()


async def test_a_file_that_cannot_be_read_counts_as_none(targets: Targets) -> None:
    await targets.save(None, DISK)
    (targets.folder / "1.json").write_text('{"kind": "tape"}')
    (targets.folder / "1.state.json").write_text("[")
    assert await targets.targets() == ()
    assert await targets.state(1) == TargetState()
    with pytest.raises(TargetMissingError):
        await targets.target(1)
    with pytest.raises(TargetMissingError):
        await targets.remove(1)
