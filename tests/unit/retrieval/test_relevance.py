"""What has nothing to do with the question is not shown as if it had."""

from __future__ import annotations

from appliance.retrieval.relevance import filter_relevant, least_coverage
from tests.unit.retrieval.found import passage


def test_a_passage_with_all_words_counts() -> None:
    good = passage(coverage=1.0)
    assert filter_relevant([good], 1) == [good]


def test_one_word_of_two_is_no_evidence() -> None:
    assert filter_relevant([passage(coverage=0.3)], 2) == []


def test_the_same_share_of_a_long_question_is() -> None:
    found = passage(coverage=0.3)
    assert filter_relevant([found], 8) == [found]


def test_a_passage_that_is_near_in_meaning_counts_without_any_word() -> None:
    found = passage(similarity=0.8)
    assert filter_relevant([found], 5) == [found]


def test_a_little_similarity_is_no_evidence() -> None:
    assert filter_relevant([passage(similarity=0.3)], 5) == []


def test_beside_a_good_passage_a_weaker_one_counts_and_an_empty_one_does_not() -> None:
    good, weak, empty = passage(coverage=0.9), passage(coverage=0.2), passage(coverage=0.01)
    assert filter_relevant([weak, empty, good], 4) == [good, weak]


def test_the_threshold_falls_with_the_length_and_stays_between_zero_and_one() -> None:
    thresholds = [least_coverage(words) for words in range(33)]
    assert thresholds[1:] == sorted(thresholds[1:], reverse=True)
    assert all(0 < threshold < 1 for threshold in thresholds)
