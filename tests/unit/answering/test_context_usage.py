"""What the model did not read is said in one short line."""

from __future__ import annotations

import pytest

from appliance.conversations.model import ContextUsage


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (ContextUsage(0, 0), ""),
        (ContextUsage(1, 1), "Used 1 of 1 passage"),
        (ContextUsage(12, 9), "Used 9 of 12 passages"),
        (ContextUsage(1, 1, 1), "Used 1 of 1 passage, one of them shortened"),
        (ContextUsage(9, 9, 2), "Used 9 of 9 passages, 2 of them shortened"),
        (ContextUsage(2, 2, 0, 1), "Used 2 of 2 passages; 1 earlier question left out"),
        (
            ContextUsage(2, 1, 1, 3),
            "Used 1 of 2 passages, one of them shortened; 3 earlier questions left out",
        ),
    ],
)
def test_it_says_what_was_used_shortened_and_left_out(reading: ContextUsage, words: str) -> None:
    assert reading.sentence == words
