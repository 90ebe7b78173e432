"""A text is cut around a passage without losing a character."""

from __future__ import annotations

import pytest

from webchat.pages.document import MarkedText, marked_text

TEXT = "One line.\nTwo lines, and\n\nthree.\nThe end."


@pytest.mark.parametrize(
    ("passage", "lead", "trail"),
    [
        ("lines, and\n\nthr", "Two ", "ee.\n"),
        ("Two lines, and\n", "", ""),
        ("Two lines, and", "", "\n"),
        ("The end.", "", ""),
        (TEXT, "", ""),
    ],
)
def test_the_lines_of_a_passage_stand_apart(passage: str, lead: str, trail: str) -> None:
    start = TEXT.index(passage)
    cut = marked_text(TEXT, start, start + len(passage))
    assert (cut.lead, cut.marked, cut.trail) == (lead, passage, trail)
    assert cut.before + cut.lead + cut.marked + cut.trail + cut.after == TEXT


def test_a_passage_that_is_not_there_marks_nothing() -> None:
    for start, end in ((None, 3), (3, None), (5, 5), (5, 2), (0, len(TEXT) + 1)):
        assert marked_text(TEXT, start, end) == MarkedText(TEXT)
