"""The same text in two documents is one passage."""

from __future__ import annotations

from tests.unit.retrieval.found import passage
from webchat.retrieval.distinct import distinct


def test_the_better_of_two_copies_stays() -> None:
    first, copy = passage("The pump runs at noon."), passage("the pump  runs at noon")
    assert distinct([first, copy]) == [first]


def test_nearly_the_same_is_the_same() -> None:
    text = " ".join(f"word{number}" for number in range(50))
    assert len(distinct([passage(text), passage(f"{text} more")])) == 1


def test_different_passages_stay_in_order() -> None:
    passages = [passage("one thing"), passage("another matter"), passage("三个字")]
    assert distinct(passages) == passages


def test_texts_without_words_are_compared_as_they_are() -> None:
    assert len(distinct([passage("***"), passage("---"), passage("***")])) == 2
