"""What people at the machine read about the state of a restore."""

from __future__ import annotations

import pytest

from appliance.restore.wording import status_sentence
from appliance.units.exchange import RestoreState


@pytest.mark.parametrize("state", [RestoreState.UNCONFIRMED, RestoreState.NONE])
def test_an_undone_restore_is_not_called_restored(state: RestoreState) -> None:
    found = status_sentence({"state": state, "undone": True})
    assert found == "The restore is undone: the former state is in use again."


def test_an_undo_that_waits_says_what_the_next_start_does() -> None:
    found = status_sentence({"state": RestoreState.READY, "undone": True})
    assert "the former state is back" in found


def test_a_restore_that_waits_for_its_confirmation_names_both_verbs() -> None:
    found = status_sentence({"state": RestoreState.UNCONFIRMED})
    assert "restore confirm" in found
    assert "restore undo" in found
