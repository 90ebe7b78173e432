"""Batches are small, whatever is sent, and nothing of it is lost."""

from __future__ import annotations

import pytest

from appliance.llm.bulk import MOST_CHARACTERS, MOST_TEXTS, batches


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["x"],
        ["x"] * (MOST_TEXTS * 3 + 1),
        ["x" * MOST_CHARACTERS, "y" * (MOST_CHARACTERS * 2), "z"],
        ["word " * 1000] * 9,
    ],
)
def test_texts_are_cut_into_small_batches_in_order(texts: list[str]) -> None:
    made = list(batches(texts))
    assert [text for batch in made for text in batch] == texts
    for batch in made:
        assert 1 <= len(batch) <= MOST_TEXTS
        assert len(batch) == 1 or sum(map(len, batch)) <= MOST_CHARACTERS
