"""What a passage has already said is not said again; what differs in one word is."""

from __future__ import annotations

from appliance.retrieval.deduplication import deduplicate
from tests.unit.retrieval.found import passage

NOTICE = (
    "Either party may end this contract with notice of {} months to the end of a month. Rent is due"
    " on the first day; heating and water are paid apart, once every year, against a bill."
)


def test_the_better_of_two_copies_stays() -> None:
    first, copy = passage("The pump runs at noon."), passage("the pump  runs at noon")
    assert deduplicate([first, copy]) == [first]


def test_a_part_of_a_better_passage_is_left_out() -> None:
    whole, part = passage("The pump runs at noon. It is red."), passage("It is red.")
    assert deduplicate([whole, part]) == [whole]


def test_a_passage_that_goes_on_after_the_better_one_stays() -> None:
    rule, exception = passage("Pets are allowed."), passage("Pets are allowed. Dogs are not.")
    assert deduplicate([rule, exception]) == [rule, exception]


def test_contracts_of_one_template_that_contradict_each_other_all_stay() -> None:
    contracts = [passage(NOTICE.format(number)) for number in ("three", "6", "12")]
    assert deduplicate(contracts) == contracts


def test_the_same_words_in_another_order_are_not_the_same() -> None:
    one, other = passage("Notice 3, deposit 6 months."), passage("Notice 6, deposit 3 months.")
    assert deduplicate([one, other]) == [one, other]


def test_a_word_is_not_part_of_another() -> None:
    assert len(deduplicate([passage("12 months"), passage("2 months")])) == 2


def test_different_passages_stay_in_order() -> None:
    passages = [passage("one thing"), passage("another matter"), passage("三个字")]
    assert deduplicate(passages) == passages


def test_texts_without_words_are_compared_as_they_are() -> None:
    assert len(deduplicate([passage("***"), passage("---"), passage("***")])) == 2
