"""What the files of a home say: a place that is only restored from gets no copies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.backup_plan.due import what_is_due
from appliance.backup_plan.facts import read_facts
from appliance.backup_plan.wording import lacks
from appliance.core.settings import Settings
from appliance.health.checks.backups import evaluate_backups
from appliance.offsite.model import TargetState
from tests.builders.backup_facts import (
    catalog_of,
    keep_target,
    publish,
    remember,
    target,
    verified_set,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def test_a_source_is_no_copy(tmp_path: Path) -> None:
    """No copy is due there, none is missed, and it does not count as a copy elsewhere."""
    settings = Settings(home=tmp_path)
    publish(settings, catalog_of(NOW, verified_set(NOW - HOUR)))
    remember(settings, proven_at=NOW - HOUR, claimed_at=NOW - 100 * HOUR)
    failed = TargetState(error="x", message="It is away.", complete_at=NOW - 100 * HOUR)
    keep_target(settings, target(1, restores_only=True), failed)
    facts = await read_facts(settings)
    assert [copy.target.number for copy in facts.sources] == [1]
    assert facts.copies == ()
    due = what_is_due(facts, NOW, "index", UTC)
    assert (due.copies, "1" in due.drills) == ((), False)
    assert any("There is no copy elsewhere" in sentence for sentence in lacks(facts))
    assert not any("disk in the safe" in found.sentence for found in evaluate_backups(facts, NOW))

    keep_target(settings, target(2, "attic"))
    facts = await read_facts(settings)
    assert what_is_due(facts, NOW, "index", UTC).copies == ("2",)
    assert not any("There is no copy elsewhere" in sentence for sentence in lacks(facts))
