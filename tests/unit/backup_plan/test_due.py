"""Which copies and drills are due, also after a clock was wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from appliance.backup_plan.due import copy_is_due, first_set_is_due, what_is_due
from appliance.backup_plan.facts import BackupFacts, CopiedTo
from appliance.backup_plan.records import PlanRecord
from appliance.offsite.model import TargetState
from appliance.repository.saved_models import ModelSnapshot, SavedModels
from tests.builders.backup_facts import catalog_of, target, verified_set

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (TargetState(), True),
        (TargetState(tried_at=NOW - 2 * HOUR), True),
        (TargetState(tried_at=NOW), False),
        (TargetState(tried_at=NOW, error="x", next_try_at=NOW + HOUR), False),
        (TargetState(tried_at=NOW, error="x", next_try_at=NOW - HOUR), True),
        # The clock was a year ahead when it was tried.
        (TargetState(tried_at=NOW + 365 * 24 * HOUR), True),
        (TargetState(tried_at=NOW, error="x", next_try_at=NOW + 365 * 24 * HOUR), True),
    ],
)
def test_a_copy_is_due_when_the_target_lacks_something(
    state: TargetState,
    due: bool,
) -> None:
    assert copy_is_due(CopiedTo(target(), state), NOW - HOUR, NOW, UTC) is due


def test_a_copy_is_due_when_models_were_saved() -> None:
    tried = CopiedTo(target(), TargetState(tried_at=NOW - 2 * HOUR))
    facts = BackupFacts(catalog_of(NOW, verified_set(NOW - 5 * HOUR)), (tried,))
    assert what_is_due(facts, NOW, "index", UTC).copies == ()
    models = SavedModels(ModelSnapshot("", NOW - 5 * HOUR, ""), NOW - HOUR, (), (), 1)
    assert what_is_due(replace(facts, models=models), NOW, "index", UTC).copies == ("1",)


def test_no_copy_outside_of_its_time_of_the_day() -> None:
    closed = CopiedTo(replace(target(), opens="22:00", closes="06:00"), TargetState())
    assert not copy_is_due(closed, NOW - HOUR, NOW, UTC)
    assert copy_is_due(closed, NOW - HOUR, NOW + 11 * HOUR, UTC)


def test_drills_of_copies_each_week_and_with_the_index_each_month() -> None:
    whole = CopiedTo(target(2), TargetState(complete_at=NOW - HOUR, tried_at=NOW))
    plan = PlanRecord(claimed_at=NOW - timedelta(days=40))
    facts = BackupFacts(catalog_of(NOW, verified_set(NOW - HOUR)), (whole,), plan=plan)
    assert what_is_due(facts, NOW, "index", UTC).drills == ("2", "index")
    done = replace(plan, drilled={"2": NOW - timedelta(days=6), "index": NOW - timedelta(days=29)})
    assert what_is_due(replace(facts, plan=done), NOW, "index", UTC).drills == ()


def test_the_first_set_is_made_soon_after_the_claim_and_not_before() -> None:
    for minutes, due in ((1, False), (11, True)):
        plan = PlanRecord(claimed_at=NOW - timedelta(minutes=minutes))
        assert first_set_is_due(BackupFacts(None, plan=plan), NOW) is due
    assert not first_set_is_due(BackupFacts(None), NOW)
