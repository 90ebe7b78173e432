# ruff: noqa: RUF001 - text of many scripts is what is tested
from __future__ import annotations

import random
from itertools import pairwise

import pytest

from appliance.ingest.chunk import CHUNK, Chunk, chunks, open_headings
from appliance.ingest.extract.page import Heading
from tests.builders.documents import LOREM

_ALPHABETS = (
    "abc de. F\n\n",
    "word Word. \n",
    "北京大学。，在\n",
    "x",
    " \n\t",
    "a. B! C? (d) “e” 1 ",
)


def _random_page(seed: int) -> tuple[str, list[Heading]]:
    source = random.Random(seed)  # noqa: S311 - a test wants the same again
    alphabet = source.choice(_ALPHABETS)
    text = "".join(source.choices(alphabet, k=source.randrange(6000)))
    offsets = sorted(source.sample(range(len(text) + 1), k=min(len(text), source.randrange(8))))
    return text, [Heading(offset, source.randint(1, 6), f"h{offset}") for offset in offsets]


def _check(text: str, made: list[Chunk]) -> None:
    for chunk in made:
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.text.strip() == chunk.text
        assert 0 < len(chunk.text) <= CHUNK.most + CHUNK.least
    for chunk, following in pairwise(made):
        assert chunk.end <= following.start
    covered = "".join(chunk.text for chunk in made)
    assert "".join(covered.split()) == "".join(text.split())


@pytest.mark.parametrize("seed", range(300))
def test_chunks_are_the_page_to_the_character_and_lose_nothing(seed: int) -> None:
    text, headings = _random_page(seed)
    _check(text, chunks(1, text, headings))


def test_prose_is_cut_between_paragraphs_near_the_target_size() -> None:
    paragraphs = [f"Paragraph {number}. {LOREM * 2}".strip() for number in range(20)]
    made = chunks(3, "\n\n".join(paragraphs))
    assert all(chunk.text.startswith("Paragraph") for chunk in made)
    assert all(600 <= len(chunk.text) <= CHUNK.most for chunk in made)
    assert {chunk.page for chunk in made} == {3}


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    made = chunks(1, LOREM * 20)
    assert len(made) > 2
    assert all(chunk.text.endswith(".") for chunk in made)


def test_text_without_sentences_is_cut_between_words() -> None:
    made = chunks(1, "wordy " * 1000)
    assert all(set(chunk.text.split()) == {"wordy"} for chunk in made)


def test_chinese_is_cut_into_smaller_chunks_at_full_stops() -> None:
    made = chunks(1, "莱茵河是欧洲的一条主要河流，流经多个国家。" * 100)
    assert all(chunk.text.endswith("。") for chunk in made)
    assert all(len(chunk.text) <= CHUNK.most * 4 // 9 for chunk in made)


def test_a_section_starts_a_chunk_with_its_path() -> None:
    body = LOREM * 3
    text = f"Guide\n\n{body}\n\nPumps\n\n{body}\n\nValves\n\n{body}"
    headings = [
        Heading(text.index(title), level, title)
        for title, level in (("Guide", 1), ("Pumps", 2), ("Valves", 2))
    ]
    paths = [(chunk.text.split("\n")[0], chunk.heading_path) for chunk in chunks(1, text, headings)]
    assert paths == [
        ("Guide", ("Guide",)),
        ("Pumps", ("Guide", "Pumps")),
        ("Valves", ("Guide", "Valves")),
    ]


def test_tiny_sections_share_a_chunk() -> None:
    text = "\n\n".join(f"Section {number}\n\nOne line." for number in range(10))
    headings = [Heading(text.index(f"Section {number}"), 1, str(number)) for number in range(10)]
    assert len(chunks(1, text, headings)) == 1


def test_headings_are_carried_over_pages_and_the_title_is_not_repeated() -> None:
    carried = open_headings((), [Heading(0, 1, "Manual"), Heading(9, 2, "A"), Heading(20, 3, "B")])
    text = f"{LOREM * 2}\n\nC\n\n{LOREM * 2}"
    headings = [Heading(text.index("C\n"), 2, "C")]
    first, second = chunks(2, text, headings, "Manual", carried)
    assert first.heading_path == ("A", "B")
    assert second.heading_path == ("C",)
    assert [heading.title for heading in open_headings(carried, headings)] == ["Manual", "C"]


def test_a_page_of_white_space_has_no_chunks() -> None:
    assert chunks(1, " \n\n\t ") == []
    assert chunks(1, "") == []
