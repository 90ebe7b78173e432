"""Whether there is room, whether the documents are there, what may be removed, what has changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from appliance.backup import hot_sums
from appliance.backup.errors import BackupSpaceError, DocumentsMissingError
from appliance.backup.hot_sums import SavedState
from appliance.backup.manifest import TableSum
from appliance.backup.preflight import Needed, missing_files, require_documents, require_room
from appliance.backup.retention import Refusal, kept_within, refusal
from appliance.backup.speed import Saving
from appliance.backup.store import StoredDocument
from appliance.core.clock import SystemClock
from appliance.core.variables import GIBIBYTE, MEBIBYTE
from appliance.operations.folder import OperationFolder
from appliance.operations.work import Reporter
from appliance.repository.model import Content, Drilled, Kind, Snapshot, Verdict

NOW = datetime(2026, 11, 29, 2, tzinfo=UTC)
CONTENT = Content(1, "0.2.0", 11, 17, 3, 4, 5, 6_000, 7)


def documents(count: int, *, recorded: int = 0) -> list[StoredDocument]:
    return [StoredDocument(f"{n:064x}", 1, n < recorded) for n in range(count)]


def test_a_set_needs_room_for_its_dump_and_for_its_drill() -> None:
    needed = Needed(dump=GIBIBYTE, database=GIBIBYTE, new_files=10)
    assert needed.bytes >= 2.2 * GIBIBYTE
    assert Needed(dump=MEBIBYTE).bytes < GIBIBYTE


def test_too_little_room_is_said_with_how_much_and_where(tmp_path: Path) -> None:
    require_room(tmp_path, Needed(dump=1))
    with pytest.raises(BackupSpaceError) as raised:
        require_room(tmp_path, Needed(dump=10**18))
    assert str(tmp_path) in raised.value.message
    assert "are missing" in raised.value.message


@pytest.mark.parametrize(
    ("count", "missing", "recorded", "is_refused"),
    [
        (0, 0, 0, False),
        (100, 0, 0, False),
        (100, 10, 0, False),
        (100, 11, 0, True),
        (100, 60, 60, False),
        (100, 60, 40, True),
        (1, 1, 0, False),
        (2, 2, 0, True),
    ],
)
def test_many_files_that_are_unexpectedly_gone_mean_that_their_disk_is(
    tmp_path: Path, count: int, missing: int, recorded: int, is_refused: bool
) -> None:
    listed = documents(count, recorded=recorded)
    gone = [document.digest for document in listed[:missing]]
    if is_refused:
        with pytest.raises(DocumentsMissingError):
            require_documents(tmp_path, listed, gone)
    else:
        require_documents(tmp_path, listed, gone)


def test_without_their_folder_one_is_too_many(tmp_path: Path) -> None:
    with pytest.raises(DocumentsMissingError):
        require_documents(tmp_path / "none", documents(1), missing_files(tmp_path, documents(1)))


def a_set(hours: float, verdict: Verdict | None = Verdict.VERIFIED) -> Snapshot:
    drills = (Drilled(verdict, NOW, "local", 1),) if verdict else ()
    return Snapshot("a", Kind.SET, NOW - timedelta(hours=hours), CONTENT, drills)


@pytest.mark.parametrize(
    ("sets", "damage", "expected"),
    [
        ([], "", Refusal.UNVERIFIED),
        ([a_set(1)], "", None),
        ([a_set(36)], "", None),
        ([a_set(36.1)], "", Refusal.UNVERIFIED),
        ([a_set(1, None)], "", Refusal.UNVERIFIED),
        ([a_set(1, Verdict.FAILED)], "", Refusal.UNVERIFIED),
        ([a_set(1, None), a_set(25)], "", None),
        ([a_set(-24 * 365)], "", Refusal.UNVERIFIED),
        ([a_set(1)], "pack 0123", Refusal.DAMAGED),
    ],
)
def test_nothing_is_removed_without_a_verified_set_of_the_last_nights(
    sets: list[Snapshot], damage: str, expected: Refusal | None
) -> None:
    assert refusal(sets, damage, NOW) is expected


def test_reports_outlive_their_sets_and_wrong_numbers_are_ignored() -> None:
    assert kept_within({}) == {Kind.SET: 7, Kind.HOT: 2, Kind.REPORT: 10}
    asked = kept_within({"keep_set": 30, "keep_hot": -1})
    assert asked == {Kind.SET: 30, Kind.HOT: 2, Kind.REPORT: 33}
    assert kept_within({"keep_set": "0", "keep_hot": 10**9}) == kept_within({})


def test_what_was_saved_is_compared_without_what_changes_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "hot-sums.json"
    tables = {"core.account": TableSum(1, 2**66), "core.job": TableSum(1, 1)}
    assert hot_sums.read(path) is None
    hot_sums.write(path, SavedState("a", 11, {**tables, "library.chunk": TableSum(9, 9)}))
    state = hot_sums.read(path)
    assert state is not None
    assert state.is_like(11, {**tables, "core.job": TableSum(5, 5)})
    assert not state.is_like(12, tables)
    assert not state.is_like(11, {**tables, "core.account": TableSum(2, 2)})
    assert not state.is_like(11, {**tables, "core.new": TableSum(0, 0)})
    path.write_text(json.dumps({"snapshot": "a"}))
    assert hot_sums.read(path) is None


class Ticking(SystemClock):
    """Time that goes on by five seconds each time that it is asked."""

    seconds = 0.0

    @override
    def monotonic(self) -> float:
        self.seconds += 5
        return self.seconds


def test_progress_says_bytes_speed_and_the_time_that_is_left(tmp_path: Path) -> None:
    folder = OperationFolder(tmp_path)
    saving = Saving(Reporter(folder, Ticking()))
    for done in (0, 100_000_000, 200_000_000):
        saving(done, 1_000_000_000)
    progress = folder.progress()
    assert progress is not None
    assert (progress.done, progress.total) == (200_000_000, 1_000_000_000)
    assert "a second" in progress.sentence
    assert "left" in progress.sentence
    # The log has steps, and not each of these sentences.
    assert folder.lines(0) == []
