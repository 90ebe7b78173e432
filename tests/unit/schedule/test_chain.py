"""A set is tried; a trial that fails is looked into; damage brings one new set, not many."""

from __future__ import annotations

import pytest

from appliance.jobs.kinds import BACKUP, DRILL, HOT_BACKUP, MODEL_BACKUP, OFFSITE, VERIFY_BACKUPS
from appliance.schedule.chain import Ended, Outcome, next_jobs


@pytest.mark.parametrize(
    ("ended", "follows"),
    [
        (Ended(BACKUP, Outcome.DONE), ("drill",)),
        (Ended(HOT_BACKUP, Outcome.DONE), ()),
        (Ended(OFFSITE, Outcome.DONE, "1"), ()),
        (Ended(DRILL, Outcome.DONE), ()),
        (Ended(BACKUP, Outcome.DONE, models=True), ("drill", "model_backup")),
        (Ended(MODEL_BACKUP, Outcome.DAMAGED), ("model_backup",)),
        (Ended(DRILL, Outcome.DONE, damage=True), ("verify_backups",)),
        (Ended(DRILL, Outcome.FAILED), ("verify_backups",)),
        (Ended(DRILL, Outcome.FAILED, "2"), ()),
        (Ended(VERIFY_BACKUPS, Outcome.DAMAGED), ("backup",)),
        (Ended(VERIFY_BACKUPS, Outcome.DAMAGED, damage=True), ()),
    ],
)
def test_what_follows(ended: Ended, follows: tuple[str, ...]) -> None:
    assert next_jobs(ended) == follows
