"""The published list is read as it was written; a wrong file counts as none."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.repository.catalog import Catalog, read, write
from appliance.repository.key_files import KeyFile, KeyRole
from appliance.repository.model import Content, Drilled, Kind, Snapshot, Verdict

NOW = datetime(2026, 11, 29, 2, tzinfo=UTC)
CONTENT = Content(1, "0.2.0", 11, 17, 3, 4, 5, 6_000, 7)


def snapshot(name: str, kind: Kind, *verdicts: Verdict) -> Snapshot:
    drills = tuple(Drilled(verdict, NOW, "local", 58) for verdict in verdicts)
    return Snapshot(name, kind, NOW, CONTENT, drills)


CATALOG = Catalog(
    repository="r",
    written_at=NOW,
    bytes=7,
    snapshots=(
        snapshot("d", Kind.HOT),
        snapshot("c", Kind.SET),
        snapshot("b", Kind.SET, Verdict.FAILED, Verdict.VERIFIED),
        snapshot("a", Kind.SET, Verdict.VERIFIED),
    ),
    keys=(
        KeyFile("1", KeyRole.MACHINE, "", NOW),
        KeyFile("2", KeyRole.RECOVERY, "AAAA", NOW),
        KeyFile("3", KeyRole.RECOVERY, "BBBB", NOW + timedelta(days=1), ("AAAA",)),
    ),
    checked_at=NOW,
    damage="pack 0123.",
)


@pytest.mark.parametrize("catalog", [CATALOG, Catalog("r", NOW, 0)])
async def test_it_is_read_as_it_was_written(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "catalog.json"
    write(path, catalog)
    assert await read(path) == catalog
    # The group of the folder is that of the supervisor, which reads it.
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"repository": "r"}', "\x00"])
async def test_a_wrong_file_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "catalog.json"
    assert await read(path) is None
    path.write_text(content)
    assert await read(path) is None


def test_it_knows_the_newest_of_each() -> None:
    assert [one.id for one in CATALOG.sets] == ["c", "b", "a"]
    assert CATALOG.verified is not None
    assert CATALOG.verified.id == "a"
    assert CATALOG.recovery_key is not None
    assert CATALOG.recovery_key.fingerprint == "BBBB"
