"""The headline, what a machine lacks, and the drawing of sizes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from admin.backups_plot import HEIGHT, WIDTH, plots_of
from appliance.backup_plan.facts import BackupFacts
from appliance.backup_plan.records import KeyProof
from appliance.backup_plan.wording import Standing, headline, lacks
from appliance.repository.model import Kind, Verdict
from tests.builders.backup_facts import (
    KEY,
    catalog_of,
    drilled,
    recovery_key,
    snapshot,
    verified_set,
)

NIGHT = datetime(2026, 3, 1, 2, 11, tzinfo=UTC)
NOW = NIGHT + timedelta(hours=8)


def test_the_headline_says_what_could_be_restored() -> None:
    facts = BackupFacts(catalog_of(NOW, verified_set(NIGHT)))
    said = headline(facts, NOW, UTC)
    assert said.standing is Standing.VERIFIED
    assert said.sentence == "Restorable as of 02:11, verified, took 58 s"
    later = headline(facts, NOW + timedelta(days=2), UTC)
    assert later.standing is Standing.STALE
    assert "1 Mar, 02:11" in later.sentence


def test_a_set_counts_when_its_trial_has_passed() -> None:
    written = BackupFacts(catalog_of(NOW, snapshot(NIGHT)))
    assert headline(written, NOW, UTC).standing is Standing.WRITTEN
    failed = snapshot(NIGHT, Kind.SET, drilled(NOW, Verdict.FAILED))
    assert headline(BackupFacts(catalog_of(NOW, failed)), NOW, UTC).standing is Standing.WRITTEN
    damaged = BackupFacts(catalog_of(NOW, verified_set(NIGHT), damage="data/ab"))
    assert headline(damaged, NOW, UTC).standing is Standing.DAMAGED
    assert headline(BackupFacts(None), NOW, UTC).standing is Standing.MISSING
    missing = headline(BackupFacts(None, has_restic=False), NOW, UTC)
    assert missing.standing is Standing.NOT_INSTALLED
    assert "apt install restic" in missing.hint


def test_a_set_of_the_future_does_not_hide_that_none_is_young() -> None:
    old, future = (
        verified_set(NIGHT - timedelta(days=9), 1),
        verified_set(NOW + timedelta(days=9), 2),
    )
    facts = BackupFacts(catalog_of(NOW, future, old))
    assert headline(facts, NOW, UTC).standing is Standing.STALE


def test_a_replaced_key_must_be_proved_again() -> None:
    found = catalog_of(NOW, verified_set(NIGHT))
    proven = BackupFacts(found, proof=KeyProof(KEY.fingerprint, NOW))
    assert proven.key_is_proven
    newer = replace(recovery_key(NOW), fingerprint="NEWER000")
    replaced = replace(proven, catalog=replace(found, keys=(*found.keys, newer)))
    assert not replaced.key_is_proven
    assert any("recovery key" in sentence for sentence in lacks(replaced))


def test_the_drawing_has_a_bar_for_each_set_within_its_frame() -> None:
    sets = [verified_set(NIGHT - timedelta(days=day), day, 10**6 * day) for day in range(70)]
    size, time = plots_of(sets)
    for plot in (size, time):
        assert len(plot.bars) == 60
        for bar in plot.bars:
            assert bar.x >= 0
            assert bar.x + bar.width <= WIDTH
            assert bar.y >= 0
            assert abs(bar.y + bar.height - HEIGHT) < 0.02
    assert plots_of(sets[:1]) == ()
    assert plots_of([verified_set(NIGHT, size=0), verified_set(NIGHT, size=0)])
