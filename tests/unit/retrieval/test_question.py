"""A question becomes words to look up and a text to embed."""

from __future__ import annotations

from webchat.retrieval.question import read_question


def test_a_question_that_says_enough_stands_alone() -> None:
    question = read_question("Which pump failed in March?", "Who wrote the inspection report?")
    assert "report" not in question.words
    assert set(question.shares) == {1.0}
    assert question.text == "Which pump failed in March?"


def test_a_short_question_leans_on_the_one_before_with_half_the_weight() -> None:
    question = read_question("And in 1998?", "Which pump failed in March?")
    shares = dict(zip(question.words, question.shares, strict=True))
    assert shares["1998"] == 1.0
    assert shares["pump"] == 0.5
    assert "pump" in question.text
    assert "1998" in question.text


def test_a_word_of_both_questions_counts_once_and_fully() -> None:
    question = read_question("The pump?", "Which pump failed?")
    assert question.words.count("pump") == 1
    assert dict(zip(question.words, question.shares, strict=True))["pump"] == 1.0


def test_an_empty_question_has_nothing_to_look_up() -> None:
    assert read_question("  \n ").words == ()
    assert read_question("  \n ").text == ""


def test_a_very_long_question_is_bounded() -> None:
    question = read_question("pump valve bearing motor " * 500)
    assert len(question.words) <= 32
    assert len(question.text) <= 2000


def test_half_a_surrogate_pair_does_not_break_the_text() -> None:
    read_question("pump \ud800 valve").text.encode("utf-8")
