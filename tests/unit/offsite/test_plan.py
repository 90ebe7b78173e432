"""A copy brings what is missing, in an order in which it may end at any moment."""

from __future__ import annotations

from appliance.offsite.places.place import RepositoryFile
from appliance.offsite.plan import LISTED, ORDER, must_wait, plan
from appliance.repository.damage import FileKind

A, B, C = "a" * 64, "b" * 64, "c" * 64
NONE: dict[FileKind, dict[str, int]] = {kind: {} for kind in FileKind}


def test_what_is_needed_comes_first_and_is_listed_last() -> None:
    order = [FileKind.PACK, FileKind.INDEX, FileKind.SNAPSHOT]
    assert [kind for kind in ORDER if kind in order] == order
    assert [kind for kind in LISTED if kind in order] == order[::-1]
    assert ORDER[0] is FileKind.CONFIG
    assert set(ORDER) == set(FileKind)


def test_it_brings_what_is_missing_and_names_what_differs() -> None:
    here = {**NONE, FileKind.PACK: {A: 10, B: 20}, FileKind.SNAPSHOT: {C: 5}}
    there = {**NONE, FileKind.PACK: {A: 9, C: 99}}
    found = plan(here, there)
    assert found.missing == (
        (RepositoryFile(FileKind.PACK, B), 20),
        (RepositoryFile(FileKind.SNAPSHOT, C), 5),
    )
    assert found.different == (RepositoryFile(FileKind.PACK, A),)
    assert (found.files, found.bytes, found.bytes_missing) == (2, 108, 25)


def test_what_names_a_missing_file_waits() -> None:
    assert must_wait(FileKind.INDEX, {FileKind.PACK})
    assert must_wait(FileKind.SNAPSHOT, {FileKind.INDEX})
    assert not must_wait(FileKind.KEY, {FileKind.PACK})
    assert not must_wait(FileKind.SNAPSHOT, {FileKind.KEY})
