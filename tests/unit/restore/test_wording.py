"""What people at the machine read about the state of a restore."""

from __future__ import annotations

import pytest

from appliance.restore.model import Task
from appliance.restore.wording import end_sentence
from appliance.units.exchange import RestoreState


@pytest.mark.parametrize(
    ("work", "state", "words"),
    [
        (Task.UNDO, RestoreState.NONE, "former state is in use again"),
        (Task.UNDO, RestoreState.READY, "next start of the database uses the former state"),
        (Task.CONFIRM, RestoreState.NONE, "What was restored is kept"),
        (Task.STATUS, RestoreState.NONE, "No restore waits"),
    ],
)
def test_it_says_what_was_done(work: Task, state: RestoreState, words: str) -> None:
    assert words in end_sentence(work, {"state": state})


def test_a_restore_that_waits_for_its_confirmation_names_both_verbs() -> None:
    found = end_sentence(Task.STATUS, {"state": RestoreState.UNCONFIRMED})
    assert "restore confirm" in found
    assert "restore undo" in found
