"""Old snapshots end; what clocks and strangers say ends nothing that is needed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from appliance.repository.errors import RepositoryBusyError
from appliance.repository.lock import shared
from appliance.repository.model import Kind, Verdict
from appliance.repository.place import own_repository
from tests.builders.backups import After, BackedUp

NOW = datetime.now(UTC).replace(microsecond=0)


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


async def verified_set(home: BackedUp) -> str:
    home.add_person()
    found = await home.do("set")
    await home.report(found["snapshot"])
    return str(found["snapshot"])


async def listed(home: BackedUp) -> set[str]:
    await home.do("list")
    return {one.id for one in (await home.catalog()).snapshots}


async def test_only_sets_and_hot_snapshots_of_the_last_days_stay(home: BackedUp) -> None:
    home.add_documents(2)
    old = {await home.forge(Kind.SET, ago(days=days)) for days in (8, 9, 10, 30)}
    kept = {await home.forge(Kind.SET, ago(days=days)) for days in (1, 2, 6.5)}
    old |= {await home.forge(Kind.HOT, ago(days=days)) for days in (3, 5)}
    kept |= {await home.forge(Kind.HOT, ago(hours=hours)) for hours in (1, 40)}
    kept.add(await verified_set(home))
    found = await home.do("prune")
    assert await listed(home) == kept
    assert found["removed"] == len(old)
    assert found["freed"] != 0
    assert (await home.catalog()).verified is not None
    # A second run has nothing to do.
    assert (await home.do("prune"))["removed"] == 0


async def test_other_days_may_be_asked_for(home: BackedUp) -> None:
    kept = {await home.forge(Kind.SET, ago(days=days)) for days in (9, 20, 29)}
    for days in (31, 40):
        await home.forge(Kind.SET, ago(days=days))
    kept.add(await verified_set(home))
    await home.do("prune", keep_set=30)
    assert await listed(home) == kept


async def test_what_a_killed_writer_left_is_removed(home: BackedUp) -> None:
    home.add_documents(1)
    await home.do("set")
    folder, name = home.settings.repository, "ab" * 32
    left = [
        folder / "data" / "ab" / f"{name}-tmp-1203029238",
        folder / "index" / f"{name}-tmp-1",
        folder / "snapshots" / f"{name}.rest-server-temp2",
    ]
    before = home.files()
    for path in left:
        path.write_bytes(b"half")
    assert (await home.do("prune"))["refused"] == "unverified"
    assert home.files() == before


async def test_nothing_is_removed_without_a_verified_set(home: BackedUp) -> None:
    await home.forge(Kind.SET, ago(days=20))
    found = await home.do("set")
    before = home.files()
    assert (await home.do("prune"))["refused"] == "unverified"
    await home.report(found["snapshot"], Verdict.FAILED)
    assert (await home.do("prune"))["refused"] == "unverified"
    await home.report(found["snapshot"])
    home.clock = After(hours=37)
    assert (await home.do("prune"))["refused"] == "unverified"
    assert set(before) <= set(home.files())


async def test_nothing_is_removed_while_the_asker_knows_of_damage(home: BackedUp) -> None:
    await home.forge(Kind.SET, ago(days=20))
    await verified_set(home)
    assert (await home.do("prune", damage="pack 0123"))["refused"] == "damaged"
    assert len(await listed(home)) == 2


async def test_snapshots_of_the_future_end_no_others(home: BackedUp) -> None:
    genuine = {await home.forge(Kind.SET, ago(days=days)) for days in (1, 3, 5)}
    genuine.add(await verified_set(home))
    forged = {await home.forge(Kind.SET, NOW + timedelta(days=3650 + n)) for n in range(4)}
    await home.do("prune")
    assert genuine <= await listed(home)
    # One of the future does not stand for last night either.
    for one in forged:
        await home.report(one)
    home.clock = After(hours=40)
    assert (await home.do("prune"))["refused"] == "unverified"


async def test_many_snapshots_of_today_end_none_of_this_week(home: BackedUp) -> None:
    genuine = {await home.forge(Kind.SET, ago(days=days)) for days in (2, 4, 6)}
    genuine.add(await verified_set(home))
    for minute in range(8):
        await home.forge(Kind.SET, ago(minutes=minute))
    await home.do("prune")
    assert genuine <= await listed(home)


async def test_a_clock_that_jumps_forward_leaves_the_last_sets(home: BackedUp) -> None:
    """All that was made before the jump is old at once."""
    before = [await home.forge(Kind.SET, ago(days=days)) for days in (400, 401, 402)]
    newest = await verified_set(home)
    await home.do("prune")
    assert await listed(home) == {newest, *before[:2]}


async def test_snapshots_of_others_are_neither_listed_nor_removed(home: BackedUp) -> None:
    newest = await verified_set(home)
    path = home.settings.backup / "other"
    path.write_text("other")
    foreign = await own_repository(home.settings).backup(
        home.settings.home,
        ["backup/other"],
        tags=["mine", "x=1"],
        taken_at=ago(days=100),
        progress=lambda _done, _total: None,
    )
    await home.do("prune")
    assert await listed(home) == {newest}
    assert (home.settings.repository / "snapshots" / foreign.id).exists()


async def test_a_copy_is_pruned_by_its_own_days(home: BackedUp) -> None:
    for days in (5, 20, 28, 29, 40):
        await home.forge(Kind.SET, ago(days=days))
    await verified_set(home)
    copy = home.settings.home / "copy"
    shutil.copytree(home.settings.repository, copy)
    found = await home.do("prune", address=str(copy), keep_set=30)
    assert found["removed"] == 1
    assert found["snapshots"] == 5
    assert len(await listed(home)) == 6


async def test_nobody_else_works_while_it_removes(
    home: BackedUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.backup.prune._PATIENCE", 0.1)
    await home.do("set")
    async with shared(home.settings.repository_lock, home.clock, patience=1.0):
        with pytest.raises(RepositoryBusyError):
            await home.do("prune")
