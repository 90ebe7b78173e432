from __future__ import annotations

from appliance.ingest.extract.page import (
    PAGE_CHARACTERS,
    RECORD_CHARACTERS,
    ExtractedPage,
    Heading,
)
from appliance.ingest.indexer import Indexer
from tests.builders.documents import LOREM


def test_a_chunk_has_the_words_of_its_title_and_headings_apart_from_its_own() -> None:
    page = ExtractedPage(1, "Pumps\n\nTwo WORN bearings.", headings=(Heading(0, 1, "Pumps"),))
    [chunk] = Indexer("The Manual").index(page).chunks
    assert chunk.heading_words == "the manual pumps"
    assert chunk.body_words == "pumps two worn bearings"
    assert chunk.heading_path == ("Pumps",)


def test_headings_stay_open_on_the_next_page() -> None:
    indexer = Indexer(None)
    indexer.index(ExtractedPage(1, "Pumps", headings=(Heading(0, 1, "Pumps"),)))
    [chunk] = indexer.index(ExtractedPage(2, "Two bearings.")).chunks
    assert chunk.heading_path == ("Pumps",)


def test_the_language_is_that_of_the_pages_so_far() -> None:
    indexer = Indexer(None)
    assert indexer.language == "simple"
    indexer.index(ExtractedPage(1, "Das ist der Bericht über die Pumpe und das Ventil."))
    assert indexer.language == "german"


def test_an_ordinary_page_is_passed_on_as_it_is() -> None:
    page = ExtractedPage(3, LOREM * 20, note="It was read as Windows-1252.")
    assert Indexer(None).index(page).page is page


def test_a_page_beyond_the_limit_is_cut_at_a_chunk_and_says_so() -> None:
    text = LOREM * (2 * PAGE_CHARACTERS // len(LOREM))
    indexed = Indexer(None).index(ExtractedPage(1, text))
    kept = len(indexed.page.text)
    assert PAGE_CHARACTERS - len(LOREM) * 2 < kept <= PAGE_CHARACTERS
    assert text.startswith(indexed.page.text)
    assert indexed.chunks[-1].end == kept
    assert indexed.page.note == f"Only the first {kept:,} characters of the page were read."


def test_search_words_that_unfold_to_more_than_the_limit_cut_the_page() -> None:
    """One such letter is eighteen letters in the search words."""
    indexed = Indexer(None).index(ExtractedPage(1, "\ufdfa " * (PAGE_CHARACTERS // 4)))
    assert sum(chunk.size for chunk in indexed.chunks) <= RECORD_CHARACTERS
    assert 0 < len(indexed.page.text) < PAGE_CHARACTERS // 2 - 1
    assert "Only the first" in (indexed.page.note or "")
