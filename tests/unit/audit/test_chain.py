"""What is wrong with a chain, decided without a database."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.audit.anchor import OWN, Anchor, AnchorFile, compare
from appliance.audit.chain import (
    GENESIS,
    ChainEnd,
    Finding,
    HashedEntry,
    Link,
    Mark,
    Problem,
    Walk,
)
from appliance.audit.report import Anchored, Report, read_report, write_report
from appliance.audit.words import advice_of, verdict_of
from tests.fakes.clock import START

BEGINNING = Mark(0, GENESIS)


def entry(number: int, actor: str = "olga", **fields: str) -> HashedEntry:
    values = {
        "at": "0",
        "action": "person.lock",
        "object_type": "",
        "object_id": "",
        "object": "",
        "detail": "{}",
        "happened_at": "",
        "note_id": "",
        **fields,
    }
    return HashedEntry(id=str(number), actor=actor, **values)


def chain(*entries: HashedEntry, start: Mark = BEGINNING) -> list[Link]:
    links, last = [], start
    for one in entries:
        last = Mark(last.position + 1, one.hash(last.hash))
        links.append(Link(last.position, int(one.id), last.hash, one))
    return links


def walked(links: list[Link], *wanted: int, start: Mark = BEGINNING) -> Walk:
    walk = Walk(start, frozenset(wanted))
    walk.follow(links)
    return walk


TEN = chain(*(entry(number) for number in range(1, 11)))


def test_fields_do_not_run_into_each_other() -> None:
    one, other = entry(1, "ab", object="c"), entry(1, "a", object="bc")
    assert one.hash(GENESIS) != other.hash(GENESIS)
    moved = replace(one, object="", object_id="c")
    assert one.hash(GENESIS) != moved.hash(GENESIS)


def test_the_pieces_of_a_walk_make_no_difference() -> None:
    walk = Walk(Mark(0, GENESIS))
    for link in TEN:
        walk.follow([link])
    assert (walk.faults, walk.entries, walk.last) == (0, 10, Mark(10, TEN[-1].hash))


def test_after_a_fault_the_walk_goes_on() -> None:
    links = [replace(link, entry=entry(99)) if link.position in {3, 7} else link for link in TEN]
    walk = walked(links)
    assert (walk.first, walk.faults) == (Finding(Problem.CHANGED, 3, 3), 2)


@pytest.mark.parametrize(
    ("links", "finding"),
    [
        (TEN[1:], Finding(Problem.MISSING, 1, None, 1)),
        (TEN[:3] + TEN[6:], Finding(Problem.MISSING, 4, None, 3)),
        ([replace(TEN[0], entry=None), *TEN[1:]], Finding(Problem.MISSING, 1, 1)),
    ],
)
def test_what_is_missing_is_counted(links: list[Link], finding: Finding) -> None:
    walk = walked(links)
    assert (walk.first, walk.faults) == (finding, finding.count)


def test_a_chain_begins_where_the_newest_removal_says() -> None:
    start = Mark(4, TEN[3].hash)
    detail = json.dumps({"hash": start.hash.hex(), "removed": 4, "position": 4})
    removal = entry(11, action="audit.prune", detail=detail)
    rest = [one.entry for one in TEN[4:] if one.entry]
    walk = walked(chain(*rest, removal, start=start), start=start)
    assert (walk.faults, walk.start_finding()) == (0, None)
    for other in (Mark(4, GENESIS), Mark(3, start.hash)):
        walk = walked(chain(removal, start=other), start=other)
        assert walk.start_finding() == Finding(Problem.START, other.position + 1)
    # Without a removal it begins at the first entry of all.
    assert walked(TEN).start_finding() is None
    assert walked(TEN[4:], start=start).start_finding() == Finding(Problem.START, 5)


@pytest.mark.parametrize("detail", ["", "[]", '{"position": "x"}', '{"position": 4, "hash": "z"}'])
def test_a_removal_that_cannot_be_read_explains_nothing(detail: str) -> None:
    start = Mark(4, TEN[3].hash)
    removal = entry(11, action="audit.prune", detail=detail)
    assert walked(chain(removal, start=start), start=start).start_finding() is not None


def anchor(position: int, digest: bytes | None = None, cluster: str = "1") -> Anchor:
    return Anchor(ChainEnd(cluster, position, digest or TEN[position - 1].hash), START, OWN)


def test_anchors_are_compared_where_the_chain_has_them() -> None:
    assert compare(walked(TEN, 3, 10), [anchor(10), anchor(3)]) is None
    cut = compare(walked(TEN[:8], 3, 10), [anchor(10), anchor(3)])
    assert cut == (anchor(10), Finding(Problem.CUT, 9, None, 2))
    other = anchor(3, GENESIS)
    found = compare(walked(TEN, 3, 10), [anchor(10), other])
    assert found == (other, Finding(Problem.REWRITTEN, 3))
    # What was removed for its age cannot be compared any more; where it ends can.
    start = Mark(4, TEN[3].hash)
    assert compare(walked(TEN[4:], 3, 4, start=start), [other, anchor(4)]) is None
    assert compare(walked(TEN[4:], 4, start=start), [anchor(4, GENESIS)]) is not None


def test_an_anchor_survives_its_text() -> None:
    end = anchor(3).end
    assert ChainEnd.parse(end.as_text()) == end
    for text in ("", "1:2", "1:x:00", "1:2:zz"):
        assert ChainEnd.parse(text) is None


def test_the_newest_anchor_of_each_database_is_kept(tmp_path: Path) -> None:
    file = AnchorFile(tmp_path / "state")
    assert file.read() == ()
    for number in range(1, 11):
        file.write(anchor(number, cluster=str(number % 9)))
    file.write(anchor(9, cluster="5"))
    clusters = [one.end.cluster for one in file.read()]
    assert clusters == ["5", "1", "0", "8", "7", "6", "4", "3"]
    assert file.read()[0] == anchor(9, cluster="5")
    (tmp_path / "state" / "audit-anchors.json").write_text("{")
    assert file.read() == ()


EVERY = [
    *(Finding(problem, 7, 3) for problem in Problem if problem is not Problem.ADDED),
    Finding(Problem.ADDED, None, 3, 2),
    Finding(Problem.MISSING, 7, None, 1_200),
    Finding(Problem.CUT, 7, None, 5),
]


def report(finding: Finding | None) -> Report:
    said = {"actor": "eve", "action": "person.lock", "object": ""}
    faults = finding.count if finding else 0
    where = Anchored("backup 12345678", START)
    return Report(START, 1_200, 1, 1_200, 2, faults, finding, said, where, "17:1200:ab")


@pytest.mark.parametrize("finding", [None, *EVERY], ids=str)
def test_a_report_survives_its_file(tmp_path: Path, finding: Finding | None) -> None:
    write_report(tmp_path, report(finding))
    assert read_report(tmp_path) == report(finding)


def test_a_file_that_is_no_report_is_none(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None
    (tmp_path / "audit-verified.json").write_text('{"verified_at": 7}')
    assert read_report(tmp_path) is None


def test_each_fault_has_words_of_its_own() -> None:
    sentences = {verdict_of(report(finding)) for finding in EVERY}
    assert len(sentences) == len(EVERY)
    assert all("{" not in sentence and "None" not in sentence for sentence in sentences)
    assert all(advice_of(finding) for finding in EVERY)


def test_the_words_name_the_entry_and_what_is_there_now() -> None:
    changed = replace(report(Finding(Problem.CHANGED, 7, 3)), faults=4)
    assert verdict_of(changed) == (
        "Entry 3 of the audit, at place 7, was changed after it was written; it says now: eve, "
        "person.lock, -. Further entries with a fault: 3."
    )
    cut = verdict_of(report(Finding(Problem.CUT, 7, None, 5)))
    assert cut.startswith("The end of the audit is missing, from place 7 on: 5 entries")
    assert "backup 12345678" in cut
    assert "1,200 entries, compared with 2 anchors" in verdict_of(report(None))
