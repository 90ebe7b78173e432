"""Chunks that belong together become one passage, exactly as it stands on the page."""

from __future__ import annotations

from uuid import UUID

from appliance.retrieval.merging import merge_adjacent
from tests.unit.retrieval.found import PAGE, SIZE, chunk


def test_winners_come_best_first() -> None:
    passages = merge_adjacent([chunk(1, 0.1), chunk(5, 0.3), chunk(9, 0.2)])
    assert [passage.score for passage in passages] == [0.3, 0.2, 0.1]


def test_winners_next_to_each_other_become_one_passage() -> None:
    [passage] = merge_adjacent([chunk(4, 0.1), chunk(3, 0.2)])
    assert passage.text == "Sentence number 03. Sentence number 04."
    assert passage.score == 0.2
    assert passage.heading_path == ("Heading 3",)


def test_a_passage_is_the_text_of_its_page_from_start_to_end() -> None:
    for passage in merge_adjacent(
        [chunk(number, 0.1 + number % 3) for number in range(12)], longest=90
    ):
        assert passage.text == PAGE[passage.start : passage.end]


def test_a_neighbour_joins_when_it_holds_a_missing_word() -> None:
    [passage] = merge_adjacent(
        [chunk(3, words=(2,)), chunk(4, 0.2, words=(1,)), chunk(5, words=(1,))]
    )
    assert passage.text == "Sentence number 03. Sentence number 04."


def test_a_neighbour_without_a_new_word_stays_out() -> None:
    [passage] = merge_adjacent([chunk(3), chunk(4, 0.2, words=(1,)), chunk(5, words=(1,))])
    assert passage.text == "Sentence number 04."


def test_a_passage_does_not_grow_beyond_its_limit() -> None:
    passages = merge_adjacent([chunk(number, 1.0) for number in range(6)], longest=2 * SIZE + 1)
    assert [passage.end - passage.start for passage in passages] == [2 * SIZE + 1] * 3


def test_a_chunk_is_in_one_passage_only() -> None:
    passages = merge_adjacent(
        [chunk(number, 1.0 / (1 + number)) for number in range(7)], longest=60
    )
    assert sum(passage.text.count("Sentence") for passage in passages) == 7


def test_a_passage_never_crosses_a_page_or_a_document() -> None:
    other = UUID(int=2)
    passages = merge_adjacent([chunk(3, 0.3), chunk(4, 0.2, page=2), chunk(4, 0.1, document=other)])
    assert len(passages) == 3


def test_coverage_and_similarity_are_those_of_the_best_part() -> None:
    [passage] = merge_adjacent(
        [chunk(3, 0.3, coverage=0.2, similarity=0.9), chunk(4, 0.2, coverage=0.5, similarity=0.1)]
    )
    assert (passage.coverage, passage.similarity) == (0.5, 0.9)


def test_without_vectors_there_is_no_similarity() -> None:
    assert merge_adjacent([chunk(3, 0.3)])[0].similarity is None


def test_nothing_found_gives_nothing() -> None:
    assert merge_adjacent([]) == []
