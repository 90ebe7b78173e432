"""The check of the backups: quiet on a new machine, loud when nothing could be brought back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from appliance.backup_plan.facts import BackupFacts, CopiedTo
from appliance.backup_plan.records import KeyProof, PlanRecord
from appliance.health.checks.backups import evaluate_backups
from appliance.health.model import CheckState
from appliance.health.remedies import OpenBackups, ProveRecoveryKey, RunCommand
from appliance.offsite.model import TargetState
from appliance.repository.model import Kind, Verdict
from appliance.repository.saved_models import ModelSnapshot, SavedModels
from tests.builders.backup_facts import KEY, catalog_of, drilled, snapshot, target, verified_set

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = BackupFacts(
    catalog_of(NOW, verified_set(NOW - 9 * HOUR)),
    proof=KeyProof(KEY.fingerprint, NOW - timedelta(days=3)),
    plan=PlanRecord(claimed_at=NOW - timedelta(days=30)),
)


def sentences(facts: BackupFacts, now: datetime = NOW) -> list[str]:
    return [found.sentence for found in evaluate_backups(facts, now) if found.is_problem]


def test_all_is_well() -> None:
    [found] = evaluate_backups(GOOD, NOW)
    assert (found.state, found.is_ready) == (CheckState.OK, True)
    assert "9 h old" in found.sentence


@pytest.mark.parametrize(
    "facts",
    [
        BackupFacts(None),
        BackupFacts(None, has_restic=False),
        BackupFacts(None, plan=PlanRecord(claimed_at=NOW - HOUR)),
        BackupFacts(catalog_of(NOW, snapshot(NOW), keyed=False), plan=PlanRecord(claimed_at=NOW)),
    ],
)
def test_a_new_machine_has_no_warning(facts: BackupFacts) -> None:
    assert sentences(facts) == []


def test_a_claimed_machine_without_restic_names_the_package() -> None:
    facts = BackupFacts(None, plan=PlanRecord(claimed_at=NOW), has_restic=False)
    [found] = evaluate_backups(facts, NOW)
    assert found.remedy == RunCommand("apt install restic")
    assert not found.is_ready


def test_damaged_models_are_a_warning_and_degrade_nothing() -> None:
    saved = SavedModels(ModelSnapshot("", NOW, ""), NOW, ("llama3.2:3b",), (), 1)
    assert sentences(replace(GOOD, models=saved)) == []
    for wrong in (replace(saved, damage="pack 0123"), replace(saved, left_out=("sha256-12",))):
        [found] = evaluate_backups(replace(GOOD, models=wrong), NOW)
        assert found.is_ready
        assert found.is_problem
        assert "0123" in found.sentence or "sha256-12" in found.sentence


def test_no_young_verified_set_is_an_alarm() -> None:
    assert sentences(GOOD, NOW + 16 * HOUR) == []
    [found] = evaluate_backups(GOOD, NOW + 18 * HOUR)
    assert (found.is_ready, found.remedy) == (False, OpenBackups())
    assert "1 day old" in found.sentence
    unverified = replace(GOOD, catalog=catalog_of(NOW, snapshot(NOW - HOUR)))
    assert sentences(unverified) == ["There is no backup that a trial has restored."]
    future = replace(GOOD, catalog=catalog_of(NOW, verified_set(NOW + 500 * HOUR)))
    assert len(sentences(future)) == 1


def test_a_failed_trial_and_damage_are_said() -> None:
    bad = snapshot(NOW - HOUR, Kind.SET, drilled(NOW, Verdict.FAILED), number=2)
    found = catalog_of(NOW, bad, verified_set(NOW - 9 * HOUR), damage="data/ab is damaged")
    assert sentences(replace(GOOD, catalog=found)) == [
        "Files of the backups are damaged: data/ab is damaged",
        "The newest set of this machine could not be restored in a trial.",
    ]
    healed = verified_set(NOW - HOUR / 2, number=3)
    later = drilled(NOW + HOUR)
    whole = catalog_of(NOW, replace(healed, drills=(later,)), bad)
    assert sentences(replace(GOOD, catalog=whole)) == []


def test_the_key_is_asked_for_each_quarter() -> None:
    old = replace(GOOD, proof=KeyProof(KEY.fingerprint, NOW - timedelta(days=93)))
    [found] = evaluate_backups(old, NOW)
    assert (found.remedy, found.is_ready) == (ProveRecoveryKey(), True)
    assert sentences(replace(GOOD, proof=None)) == [
        "No recovery key was proved: if this machine is lost, so are its backups."
    ]


@pytest.mark.parametrize(
    ("state", "warns"),
    [
        (TargetState(), False),
        (TargetState(complete_at=NOW - 47 * HOUR, error="x"), False),
        (TargetState(complete_at=NOW - 49 * HOUR), True),
        (TargetState(error="x", message="It is away."), True),
    ],
)
def test_a_target_that_was_not_reached(
    state: TargetState,
    warns: bool,
) -> None:
    facts = replace(GOOD, copies=(CopiedTo(target(), state),))
    assert bool(sentences(facts)) is warns
