"""Numbers, sizes and times, as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from appliance.web import formats
from tests.unit.web.pages import NOON


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=40), "40 s ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=20), "12 Feb"),
        (timedelta(days=400), "28 Jan 2025"),
        (timedelta(days=-3), "in 3 days"),
    ],
)
def test_moments(passed: timedelta, words: str) -> None:
    assert formats.relative(NOON - passed, NOON) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (2048, "2.0 KB"), (100 << 20, "100 MB"), (3 << 40, "3.0 TB")],
)
def test_sizes(count: int, words: str) -> None:
    assert formats.size(count) == words


def test_counts() -> None:
    assert formats.count_of(1, "page") == "1 page"
    assert formats.count_of(1204, "page") == "1,204 pages"
    assert formats.count_of(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("state", "label"),
    [("ready", "ready"), ("gave_up", "gave up"), ("quarantined", "set aside")],
)
def test_a_state_is_written_in_the_words_of_people(state: str, label: str) -> None:
    assert formats.state_label(state) == label
