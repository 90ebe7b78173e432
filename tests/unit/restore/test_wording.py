"""What people at the machine read about the state of a restore."""

from __future__ import annotations

import pytest

from appliance.restore.model import Task, What
from appliance.restore.wording import (
    done_sentence,
    end_sentence,
    gone_sentence,
    model_preview_lines,
    preview_lines,
)
from appliance.units.exchange import RestoreState

PREVIEW = {
    "then": {
        "taken_at": "2026-03-01T02:00:00+00:00",
        "verified": True,
        "version": "0.2.0",
        "people": 3,
        "documents": 7,
        "conversations": 9,
    },
    "derived_from": None,
    "keys_stay_ended": True,
    "room": 10,
    "free": 100,
}


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


def test_a_restore_of_models_names_them() -> None:
    saved_at = "2026-03-01T02:10:00+00:00"
    lines = model_preview_lines(
        {"models": ["phi:latest"], "saved_at": saved_at, "room": 2048, "free": 4096}
    )
    assert "  phi:latest" in lines
    assert "2.0 KB" in lines[-1]
    done = done_sentence({"models": ["phi:latest"], "files": 3}, What.MODELS, [], is_running=False)
    assert "phi:latest" in done
    assert "3 files" in done


NOTHING = {"people": 0, "documents": 0, "conversations": 0, "messages": 0}


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        (NOTHING, "Nothing is lost: no person, document, conversation or message came later."),
        ({**NOTHING, "messages": 2}, "What came later would be gone: 2 messages."),
        (
            {"people": 2, "documents": 1, "conversations": 0, "messages": 1},
            "What came later would be gone: 2 people, 1 document, 1 message.",
        ),
    ],
)
def test_only_what_came_later_is_counted_as_gone(gone: dict[str, int], sentence: str) -> None:
    assert gone_sentence(gone) == sentence
    assert sentence in preview_lines({**PREVIEW, "gone": gone})


def test_of_a_silent_database_no_loss_is_ruled_out() -> None:
    lines = preview_lines({**PREVIEW, "gone": None})
    assert not [line for line in lines if "lost" in line]
    assert "The present database does not answer: what it holds is not known." in lines
