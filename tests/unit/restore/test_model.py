"""Which snapshots a restore reads, and what it can be asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from appliance.repository.model import Content, Drilled, Kind, Snapshot, Verdict
from appliance.restore.errors import RestoreRequestError, SnapshotMissingError
from appliance.restore.model import NEWEST, NEWEST_VERIFIED, Request, Task, What, choose

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def snapshot(
    number: int, kind: Kind, *, schema: int = 11, verdict: Verdict | None = None
) -> Snapshot:
    content = Content(1, "0.2.0", schema, 17, 1, 1, 1, 100, 1)
    taken_at = _NOON + timedelta(minutes=number)
    drills = (Drilled(verdict, taken_at, "local", 9),) if verdict else ()
    return Snapshot(f"{number:08x}" * 8, kind, taken_at, content, drills)


VERIFIED = snapshot(1, Kind.SET, verdict=Verdict.VERIFIED)
FAILED = snapshot(2, Kind.SET, verdict=Verdict.FAILED)
HOT = snapshot(3, Kind.HOT)


def test_the_newest_state_is_the_hot_snapshot_with_the_rows_of_the_newest_set() -> None:
    chosen = choose((HOT, FAILED, VERIFIED), NEWEST)
    assert (chosen.state, chosen.derived) == (HOT, FAILED)


def test_a_set_needs_no_other_snapshot() -> None:
    chosen = choose((FAILED, VERIFIED), NEWEST)
    assert (chosen.state, chosen.derived) == (FAILED, None)


def test_rows_of_another_schema_are_not_mixed() -> None:
    older = snapshot(2, Kind.SET, schema=10)
    assert choose((HOT, older), NEWEST).derived is None


def test_the_newest_verified_set() -> None:
    assert choose((HOT, FAILED, VERIFIED), NEWEST_VERIFIED).state == VERIFIED
    with pytest.raises(SnapshotMissingError):
        choose((HOT, FAILED), NEWEST_VERIFIED)


def test_the_first_letters_of_an_id_are_enough_but_not_two_of_them() -> None:
    assert choose((HOT, VERIFIED), VERIFIED.id[:8]).state == VERIFIED
    with pytest.raises(SnapshotMissingError):
        choose((HOT, VERIFIED), VERIFIED.id[:2])


def test_a_request_without_anything_restores_the_newest_state() -> None:
    request = Request.parse({})
    assert (request.task, request.what, request.snapshot) == (Task.RESTORE, What.EVERYTHING, NEWEST)


@pytest.mark.parametrize(
    "request_",
    [
        {"work": "nonsense"},
        {"what": "nonsense"},
        {"what": "document"},
        {"what": "conversations", "subject": ""},
        {"source": -1},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(request_: dict[str, object]) -> None:
    with pytest.raises(RestoreRequestError):
        Request.parse(request_)


def test_a_key_is_in_no_text_of_a_request() -> None:
    request = Request.parse({"key": "SECRET-KEY", "config": "SECRET-CONFIG"})
    assert "SECRET" not in repr(request)
