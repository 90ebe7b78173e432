"""An explicit budget decides what the model reads, and nothing is cut silently."""

from __future__ import annotations

import pytest

from appliance.answering.budget import (
    TokenCalibration as Calibration,
)
from appliance.answering.budget import (
    answer_reserve,
    fit,
    passage_tokens,
    tokens_in,
)
from appliance.answering.errors import QuestionDoesNotFitError
from appliance.answering.model import Turn
from appliance.llm.errors import PromptTooLongError
from tests.builders.answers import passage

SENTENCE = "The pump was repaired on the third of May by two people. "


def test_it_estimates_english_by_threes_and_most_scripts_by_the_character() -> None:
    assert tokens_in("abcdef") == 2
    assert tokens_in("abcdefg") == 3
    assert tokens_in("汉字漢字") == 4
    assert tokens_in("한국어 abc") == 5
    assert tokens_in("") == 0
    for text in ("ภาษาไทย", "हिन्दी", "Ελληνικά", "العربية", "ქართული"):
        assert tokens_in(text) == len(text)
    assert tokens_in("Пословица") == 5
    assert tokens_in("\N{LATIN SMALL LETTER E WITH ACUTE}t\N{LATIN SMALL LETTER E WITH ACUTE}") == 3


def test_it_counts_digits_and_what_separates_them_one_by_one() -> None:
    assert tokens_in("1742") == 4
    assert tokens_in("2026-03-01,12.50\n7") == len("2026-03-01,12.50\n7")
    assert tokens_in("in 1742 cast") == 4 + 3
    assert tokens_in("٣٤") == 2


def test_it_keeps_room_for_the_answer() -> None:
    assert answer_reserve(8192) == 2048
    assert answer_reserve(2048) == 512
    assert answer_reserve(8192, 100) == 100
    assert answer_reserve(8192, 9999) == 2048


def test_it_drops_passages_from_the_end_and_says_how_many() -> None:
    passages = tuple(passage(SENTENCE * 20, page=page) for page in range(1, 13))
    fitted = fit("Who?", passages, (), rules_tokens=300, calibration=Calibration(5800))
    assert (fitted.used, fitted.found) == (9, 12)
    assert [each.passage.page for each in fitted.passages] == list(range(1, 10))
    assert [each.number for each in fitted.passages] == list(range(1, 10))
    assert fitted.shortened == 0
    assert fitted.prompt_tokens + fitted.answer_tokens <= 5800


def test_a_passage_that_fits_exactly_is_in_and_one_token_less_leaves_it_out() -> None:
    passages = (passage(SENTENCE), passage(SENTENCE * 4))
    needed = sum(map(passage_tokens, passages)) + tokens_in("Who?") + 300 + 2 * 8
    context = next(size for size in range(400, 4000) if size - answer_reserve(size) >= needed)
    assert fit("Who?", passages, (), rules_tokens=300, calibration=Calibration(context)).used == 2
    assert fit("Who?", passages, (), rules_tokens=302, calibration=Calibration(context)).used == 1


def test_it_drops_old_turns_before_passages() -> None:
    passages = tuple(passage(SENTENCE * 20) for _ in range(4))
    turns = tuple(Turn(f"Question {number}?", SENTENCE * 8) for number in range(5))
    fitted = fit("Who?", passages, turns, rules_tokens=300, calibration=Calibration(3200))
    assert fitted.used == 4
    assert 0 < len(fitted.turns) < 5
    assert fitted.turns[-1].question == "Question 4?"


def test_a_single_passage_that_is_too_long_ends_with_a_sentence() -> None:
    fitted = fit(
        "Who?", (passage(SENTENCE * 500),), (), rules_tokens=300, calibration=Calibration(2048)
    )
    (numbered,) = fitted.passages
    assert (fitted.used, fitted.found, fitted.shortened) == (1, 1, 1)
    assert numbered.passage.text.endswith("people.")
    assert numbered.passage.end == 100 + len(numbered.passage.text)
    assert fitted.prompt_tokens + fitted.answer_tokens <= 2048


def test_a_long_dense_passage_fits_too() -> None:
    fitted = fit(
        "誰?",
        (passage("泵已修好。" * 2000),),
        (),
        rules_tokens=300,
        calibration=Calibration(2048),
    )
    assert fitted.prompt_tokens + fitted.answer_tokens <= 2048
    assert fitted.passages[0].passage.text.endswith("。")


def test_a_question_that_fills_the_context_is_refused() -> None:
    with pytest.raises(QuestionDoesNotFitError, match="room for"):
        fit("long " * 2000, (passage(),), (), rules_tokens=300, calibration=Calibration(2048))


def refusal(prompt_tokens: int | None, context_tokens: int | None = 5800) -> PromptTooLongError:
    return PromptTooLongError(
        model="strict", prompt_tokens=prompt_tokens, context_tokens=context_tokens
    )


@pytest.mark.parametrize("factor", [1.2, 1.8, 3.0])
def test_what_a_refused_prompt_really_held_makes_the_next_one_fit(factor: float) -> None:
    passages = tuple(passage(SENTENCE * 20) for _ in range(12))
    first = fit("Who?", passages, (), rules_tokens=300, calibration=Calibration(5800))
    counted = int(316 + (first.prompt_tokens - 316) * factor)
    calibration = Calibration(5800).corrected(first, refusal(counted), rules_tokens=300)
    assert calibration.factor == pytest.approx(factor, rel=0.01)
    second = fit(
        "Who?",
        passages,
        (),
        rules_tokens=300,
        calibration=calibration,
    )
    really = 316 + (second.prompt_tokens - 316) * factor
    assert really + second.answer_tokens <= 5800
    assert 0 < second.used < first.used


def test_a_refusal_without_numbers_halves_the_prompt_and_a_smaller_context_is_believed() -> None:
    fitted = fit("Who?", (passage(SENTENCE),), (), rules_tokens=300, calibration=Calibration(5800))
    calibration = Calibration(5800)
    assert calibration.corrected(fitted, refusal(None, None), rules_tokens=300) == Calibration(
        5800, 2.0
    )
    assert calibration.corrected(fitted, refusal(350, 340), rules_tokens=300) == Calibration(
        340, 1.0
    )
    assert (
        calibration.corrected(fitted, refusal(9000, 9999), rules_tokens=300).context_tokens == 5800
    )
