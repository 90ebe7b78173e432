"""A changed byte of each kind of file is found and named, and what can be repaired is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from appliance.repository.errors import GatewayMissingError, RepositoryDamagedError
from appliance.repository.place import address_file
from appliance.repository.recovery_key import RecoveryKey
from appliance.repository.restic import Repository
from tests.builders.backups import BackedUp
from tests.builders.damage import change
from tests.builders.repositories import PASSWORD

NAMES: Mapping[str, str] = {
    "data": "pack",
    "index": "index",
    "snapshots": "snapshot",
    "keys": "key file",
}


async def filled(home: BackedUp) -> BackedUp:
    """Give a home a recovery key and two sets."""
    home.add_chunks(home.add_documents(3, size=200_000)[0], 50)
    await home.add_key(RecoveryKey.new())
    await home.do("set")
    home.add_person()
    await home.do("set")
    return home


def largest(home: BackedUp, kind: str) -> Path:
    """Return the largest file of a kind; of the keys, the one that the machine does not use."""
    files = [path for path in (home.settings.repository / kind).rglob("*") if path.is_file()]
    if kind == "keys":
        files = [path for path in files if b"recovery" in path.read_bytes()]
    return max(files, key=lambda path: path.stat().st_size)


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 7)


async def test_a_whole_repository_is_said_to_be_so(home: BackedUp) -> None:
    await filled(home)
    assert await home.do("check") == {"read": "100%"}
    catalog = await home.catalog()
    assert catalog.damage == ""
    assert catalog.checked_at is not None


async def test_a_part_is_read_and_says_nothing_of_the_whole(home: BackedUp) -> None:
    await filled(home)
    assert await home.do("check", read="1/7") == {"read": "1/7"}
    assert (await home.catalog()).checked_at is None


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("damage", [lambda path: change(path, path.stat().st_size // 2), truncate])
async def test_a_changed_or_cut_file_is_found_and_named(
    home: BackedUp, kind: str, damage: object
) -> None:
    await filled(home)
    path = largest(home, kind)
    assert callable(damage)
    damage(path)
    with pytest.raises(RepositoryDamagedError) as raised:
        await home.do("check")
    assert f"{NAMES[kind]} {path.name[:12]}" in raised.value.message
    catalog = await home.catalog()
    assert NAMES[kind] in catalog.damage
    # Nothing is removed while damage is known.
    for one in catalog.sets:
        if kind == "data":
            await home.report(one.id)
    if kind == "data":
        assert (await home.do("prune"))["refused"] == "damaged"


async def test_a_changed_config_is_named(home: BackedUp) -> None:
    await filled(home)
    path = home.settings.repository / "config"
    change(path, path.stat().st_size // 2)
    with pytest.raises(RepositoryDamagedError) as raised:
        await home.do("check")
    assert "config" in raised.value.message


@pytest.mark.parametrize("kind", NAMES)
async def test_after_a_repair_and_a_new_set_every_snapshot_is_whole(
    home: BackedUp, tmp_path: Path, kind: str
) -> None:
    await filled(home)
    damaged = largest(home, kind)
    change(damaged, damaged.stat().st_size // 2)
    with pytest.raises(RepositoryDamagedError):
        await home.do("check")
    repaired = (await home.do("prune", repair=True))["repaired"]
    assert any(damaged.name[:12] in file for file in repaired)
    # Damage is known until a check has found none: the set reads and saves everything again.
    assert (await home.catalog()).damage
    found = await home.do("set")
    try:
        await home.do("check")
    except RepositoryDamagedError:
        # What only an old set had is gone for good.
        assert (await home.do("prune", repair=True))["forgotten"]
        assert await home.do("check") == {"read": "100%"}
    catalog = await home.catalog()
    assert catalog.damage == ""
    repository = Repository(str(home.settings.repository), PASSWORD)
    for number, one in enumerate(catalog.sets):
        await repository.restore(one.id, tmp_path / str(number))
    assert found["snapshot"] == catalog.sets[0].id


async def test_a_copy_is_checked_where_it_is_shown_and_says_nothing_of_ours(
    home: BackedUp, tmp_path: Path
) -> None:
    await filled(home)
    copy = tmp_path / "copy"
    shutil.copytree(home.settings.repository, copy)
    # As the gateway says where the copy of target 1 is shown.
    where = address_file(home.settings, 1)
    where.parent.mkdir()
    where.write_text(str(copy))
    assert await home.do("check", source=1, read="1/1") == {"read": "1/1"}
    for path in (copy / "data").rglob("*"):
        if path.is_file():
            change(path, path.stat().st_size // 2)
    with pytest.raises(RepositoryDamagedError):
        await home.do("check", source=1, read="1/1")
    assert (await home.catalog()).damage == ""
    with pytest.raises(GatewayMissingError):
        await home.do("check", source=2)
