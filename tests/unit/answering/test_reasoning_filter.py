"""The reasoning of a model is not part of its answer, in whatever pieces it arrives."""

from __future__ import annotations

import pytest

from appliance.answering.reasoning_filter import ReasoningFilter


def filtered(text: str, step: int) -> str:
    reasoning = ReasoningFilter()
    pieces = [reasoning.feed(text[at : at + step]) for at in range(0, len(text), step)]
    return "".join([*pieces, reasoning.finish()])


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("It is red.", "It is red."),
        ("<think>Is it [1]?</think>It is red.", "It is red."),
        ("\n<think>\nIs it? </thin> No.\n</think>\n\nIt is red.", "It is red."),
        ("<think></think><think>Well.</think> It is red.", "It is red."),
        ("<think>For ever and ever", ""),
        ("<think>For ever </think", ""),
        ("<think>Done.</think>\n", ""),
        ("<thin ice", "<thin ice"),
        ("  <thi", "  <thi"),
        ("    indented", "    indented"),
        ("It is <think>red</think>.", "It is <think>red</think>."),
        ("", ""),
    ],
)
def test_only_thoughts_at_the_beginning_are_left_out(written: str, shown: str, step: int) -> None:
    assert filtered(written, step) == shown


def test_it_reports_that_the_model_thinks() -> None:
    reasoning = ReasoningFilter()
    reasoning.feed("<think>")
    assert reasoning.is_thinking
    answering = ReasoningFilter()
    assert answering.feed("<think>Well.</think>Yes") == "Yes"
    assert not answering.is_thinking


def test_words_are_not_held_back_longer_than_they_could_be_a_thought() -> None:
    reasoning = ReasoningFilter()
    assert reasoning.feed("<thi") == ""
    assert reasoning.feed("s") == "<this"
    assert reasoning.feed(" <think>") == " <think>"
