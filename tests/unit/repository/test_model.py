"""The tags of a snapshot say what it holds; what others have put there says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.repository.model import (
    INCOMPLETE,
    Content,
    Drilled,
    Kind,
    Verdict,
    snapshots_from,
    taken_tag,
    time_of,
)

CONTENT = Content(1, "0.2.0+g1", 11, 17, 3, 4, 5, 6_000, 7)
NOW = datetime(2026, 11, 29, 2, tzinfo=UTC)


def entry(name: str, tags: Sequence[str] | None, time: str = "2026-11-29T02:00:00Z") -> Any:
    return {"id": name, "time": time, "tags": tags}


def a_set(name: str, kind: str = "set", time: str = "2026-11-29T02:00:00Z") -> Any:
    return entry(name, [kind, *CONTENT.as_tags()], time)


def report(of: str, verdict: Verdict, time: str, source: str = "local", reason: str = "") -> Any:
    drilled = Drilled(verdict, NOW, source, 58, reason)
    return entry(f"report of {of}", ["report", *drilled.as_tags(of)], time)


def test_tags_are_read_as_they_were_written() -> None:
    (found,) = snapshots_from([a_set("a")])
    assert (found.id, found.kind, found.content) == ("a", Kind.SET, CONTENT)
    assert not found.is_verified


def test_a_set_is_verified_by_its_newest_local_drill_alone() -> None:
    verified = report("a", Verdict.VERIFIED, "2026-11-29T03:00:00Z")
    remote = report("a", Verdict.FAILED, "2026-11-29T05:00:00Z", source="2")
    failed = report("a", Verdict.FAILED, "2026-11-29T04:00:00Z")
    (found,) = snapshots_from([a_set("a"), verified, remote])
    assert found.is_verified
    assert [drill.source for drill in found.drills] == ["2", "local"]
    (found,) = snapshots_from([a_set("a"), failed, verified])
    assert not found.is_verified


def test_the_newest_is_first_whatever_the_order_of_the_list() -> None:
    listed = [
        a_set("b", time="2026-11-28T02:00:00.123456789+01:00"),
        a_set("c", "hot", "2026-11-30T02:00:00Z"),
        a_set("a", time="2026-11-27T02:00:00Z"),
    ]
    assert [one.id for one in snapshots_from(listed)] == ["c", "b", "a"]


@pytest.mark.parametrize(
    "foreign",
    [
        entry("x", None),
        entry("x", []),
        entry("x", ["set"]),
        entry("x", ["mine", *CONTENT.as_tags()]),
        entry("x", ["set", "format=one", *CONTENT.as_tags()[1:]]),
        entry("x", ["report", "of=a", "verdict=perhaps", "source=local", "seconds=1", "reason="]),
        entry("x", ["report"]),
    ],
)
def test_what_others_put_there_is_left_out(foreign: Any) -> None:
    (found,) = snapshots_from([foreign, a_set("a")])
    assert (found.id, found.drills) == ("a", ())


def test_a_snapshot_that_lacks_files_is_left_out() -> None:
    lacking = report("a", Verdict.FAILED, "2026-11-29T02:01:00Z", reason=INCOMPLETE)
    assert [one.id for one in snapshots_from([a_set("a"), a_set("b"), lacking])] == ["b"]


def test_times_of_both_versions_are_read() -> None:
    for text in ("2026-11-29T02:03:04.5Z", "2026-11-29T02:03:04.500000123Z"):
        assert time_of(text) == datetime(2026, 11, 29, 2, 3, 4, 500_000, tzinfo=UTC)


def test_the_order_within_a_second_is_that_of_the_exact_times() -> None:
    later, earlier = NOW.replace(microsecond=700_000), NOW.replace(microsecond=200_000)
    listed = [
        entry("earlier", ["hot", *CONTENT.as_tags(), taken_tag(earlier)]),
        entry("later", ["set", *CONTENT.as_tags(), taken_tag(later)]),
    ]
    for order in (listed, listed[::-1]):
        found = snapshots_from(order)
        assert [(one.id, one.taken_at) for one in found] == [("later", later), ("earlier", earlier)]


@pytest.mark.parametrize(
    "tag", ["taken=2030-01-01T00:00:00+00:00", "taken=now", "taken=2026-11-29"]
)
def test_an_exact_time_that_contradicts_the_list_counts_for_nothing(tag: str) -> None:
    (found,) = snapshots_from([entry("a", ["set", *CONTENT.as_tags(), tag])])
    assert found.taken_at == NOW
