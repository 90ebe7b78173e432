"""A manifest is read as it was written, and a later format is refused by its version."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from appliance.backup.errors import ManifestDamagedError, SetTooNewError
from appliance.backup.manifest import Manifest, ModelName, TableSum, differences
from appliance.repository.model import Kind

MANIFEST = Manifest(
    kind=Kind.SET,
    version="0.2.0",
    schema=11,
    postgres=17,
    extensions={"vector": "0.8.0"},
    taken_at=datetime(2026, 11, 29, 2, tzinfo=UTC),
    tables={"core.account": TableSum(3, -(2**70))},
    files={"toc.dat": "ab"},
    documents={"cd": 5},
    models=(ModelName("qwen3:8b", "ef"),),
)


def test_it_is_read_as_it_was_written() -> None:
    assert Manifest.parse(MANIFEST.as_json()) == MANIFEST


def test_a_later_format_is_refused_by_the_version_that_reads_it() -> None:
    later = json.loads(MANIFEST.as_json()) | {"format": 2, "version": "9.0.0"}
    with pytest.raises(SetTooNewError) as raised:
        Manifest.parse(json.dumps(later))
    assert "9.0.0" in raised.value.message


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": "x"}'])
def test_a_damaged_one_is_said_to_be_so(text: str) -> None:
    with pytest.raises(ManifestDamagedError):
        Manifest.parse(text)


def test_differences_are_named_and_new_tables_are_none() -> None:
    tables = {"a": TableSum(1, 1), "b": TableSum(1, 1), "c": TableSum(0, 0)}
    found = {"a": TableSum(1, 1), "b": TableSum(1, 2), "d": TableSum(9, 9)}
    assert differences(tables, found) == ("b", "c")
