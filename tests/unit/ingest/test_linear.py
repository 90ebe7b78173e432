"""What a document makes the parser do is proportional to its length, whatever its shape.

Several of these shapes once took its square. Eight times the length may take at most 24 times the
processor time: a square takes 64 times. That lies as far from a line as from a square, because
caches and other programs on the machine make one of two equal runs up to twice as long.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from appliance.ingest.chunk import CHUNK, chunks
from appliance.ingest.extract.clean import clean
from appliance.ingest.extract.encoding import decode
from appliance.ingest.extract.lists import numeral
from appliance.ingest.extract.outline import read_html, read_markdown, read_text
from appliance.ingest.extract.page import ExtractedPage, Heading, Outline
from appliance.ingest.extract.reflow import has_columns_of_prose, reflow
from appliance.ingest.extract.rows import read_csv
from appliance.ingest.extract.sections import numbered_headings
from appliance.ingest.indexer import Indexer
from appliance.ingest.splitter import split
from appliance.text.language import detect
from appliance.text.words import search_text

TIMES_LONGER = 8
MOST_TIMES_SLOWER = 24
ATTEMPTS = 2
# Shorter times are noise; longer ones show a square and cost every run of the tests.
LEAST_SECONDS, MOST_SECONDS = 0.02, 1.0
FIRST_SIZE, LARGEST_SIZE = 2_000, 512_000


@dataclass(frozen=True)
class Shape:
    """Work on a hostile text of about a number of characters; `name` is shown by pytest."""

    name: str
    text: Callable[[int], str]
    work: Callable[[str], object]


@pytest.fixture(autouse=True)
def no_garbage_collection() -> Iterator[None]:
    """A collection takes the longer the more other tests have left in memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def seconds(shape: Shape, size: int) -> float:
    """Return the least processor time of three runs."""
    text, taken = shape.text(size), []
    for _ in range(3):
        begun = time.thread_time()
        shape.work(text)
        taken.append(time.thread_time() - begun)
        if taken[-1] > MOST_SECONDS:
            break
    return min(taken)


def repeated(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda size: before + unit * (size // len(unit)) + after


def pages(outline: Outline) -> list[ExtractedPage]:
    return list(outline.pages)


def html(text: str) -> list[ExtractedPage]:
    return pages(read_html(text.encode()))


def markdown(text: str) -> list[ExtractedPage]:
    return pages(read_markdown(text.encode()))


def csv(text: str) -> list[ExtractedPage]:
    return pages(read_csv(text.encode()))


def indexed(text: str) -> object:
    return Indexer("title").index(ExtractedPage(1, text, headings=numbered_headings(text)))


def headed(text: str) -> object:
    headings = [Heading(at, at // 9 % 6 + 1, f"{at}") for at in range(0, len(text), 9)]
    return chunks(1, text, headings)


def long_words(size: int) -> str:
    """Two words of a letter each, on two lines: a PDF of 740 bytes."""
    return f"{'a' * (size // 2)}\n{'b' * (size // 2)}"


def hyphens(size: int) -> str:
    """Lines that end with a hyphen, each with a word of its own."""
    lines = (f"{'wordy ' * 10}{chr(97 + n % 26)}{'q' * (n % 40)}-" for n in range(size // 80))
    return "\n".join(lines)


def nested(tag: str, end: str) -> Callable[[int], str]:
    return lambda size: f"<{tag}>" * (size // 10) + f"</{end}>" * (size // 10) + "text"


def row_names(size: int) -> str:
    """A table whose one column has a name as long as all its rows together."""
    return f"{'n' * (size // 2)}\n" + "x\n" * (size // 4)


SHAPES = (
    Shape("reflow: two long words", long_words, reflow),
    Shape("reflow: a long word before a hyphen", repeated("a", "x" * 50 + " ", "1-\nbb"), reflow),
    Shape("reflow: hyphens at the ends of lines", hyphens, reflow),
    Shape("reflow: spaces", repeated(" ", "a", "b\nc"), reflow),
    Shape("reflow: dots", repeated(". ", "a", "b"), reflow),
    Shape("reflow: a numbered item", repeated("1.", "", "x\n"), reflow),
    Shape("reflow: columns", repeated("a   ", "", "\n"), has_columns_of_prose),
    Shape("clean: spaces before a line", repeated(" ", "a", "b"), clean),
    Shape("clean: marks on one letter", repeated("\u0327\u0301", "a"), clean),
    Shape("clean: marks in ascending order", repeated("\u0301\u0327", "a"), clean),
    Shape("sections: lines that may be headings", repeated("1.1 a\n"), numbered_headings),
    Shape("html: tags without an end", repeated("<a "), html),
    Shape("html: tags without an end before one", repeated("<a ", "", ">"), html),
    Shape("html: ends without an end", repeated("</a "), html),
    Shape("html: comments without an end", repeated("<!--"), html),
    Shape("html: comments without an end before tags", repeated("<!--><p>"), html),
    Shape("html: declarations without an end", repeated("<!x "), html),
    Shape("html: sections without an end", repeated("<![CDATA["), html),
    Shape("html: instructions without an end", repeated("<?x "), html),
    Shape("html: quotes without an end", repeated("<a b='"), html),
    Shape("html: ends of tags in quotes", repeated('<a b=">" '), html),
    Shape("html: spaces in a tag", repeated(" ", "<a b", "=1>text"), html),
    Shape("html: many attributes", repeated("b=1 ", "<a ", ">text"), html),
    Shape("html: scripts without an end", repeated("<script></x"), html),
    Shape("html: skipped elements in each other", nested("nav", "nav"), html),
    Shape("html: ends of other skipped elements", nested("nav", "svg"), html),
    Shape("html: lists in each other", nested("ol", "ol"), html),
    Shape("html: headings in each other", nested("h1", "h2"), html),
    Shape("html: preformatted lines", repeated("<br>", "<pre>x"), html),
    Shape("html: references", repeated("&#1"), html),
    Shape("html: numbers of characters", repeated("1", "&#"), html),
    Shape("markdown: fences", repeated("```\n"), markdown),
    Shape("markdown: underlines", repeated("=", "a\n", "x"), markdown),
    Shape("markdown: spaces after a mark", repeated(" ", "#"), markdown),
    Shape("markdown: headings", repeated("# a\n"), markdown),
    Shape("markdown: front matter without an end", repeated("a: b\n", "---\n"), markdown),
    Shape("csv: a long name and many rows", row_names, csv),
    Shape("csv: quotes", repeated('"a""'), csv),
    Shape("csv: empty cells", repeated(","), csv),
    Shape("csv: one column of many", repeated("a,", "", "\n1,2\n"), csv),
    Shape("text: one word", repeated("x"), lambda text: pages(read_text(text.encode()))),
    Shape("text: blank lines", repeated("\n \t", "a", "b"), lambda t: pages(read_text(t.encode()))),
    Shape("encoding: not UTF-8", repeated("abcé"), lambda text: decode(text.encode("latin-1"))),
    Shape("splitter: closing marks", repeated(")", "a."), lambda t: list(split(t, (), CHUNK))),
    Shape("chunks: headings", repeated("word one "), headed),
    Shape("indexer: lines that may be headings", repeated("1.1 Ab cd\n"), indexed),
    Shape("indexer: letters that unfold", repeated("\ufdfa"), indexed),
    Shape("words: numbers", repeated("1.", "", "a"), search_text),
    Shape("words: one word", repeated("a"), search_text),
    Shape("language: one word", repeated("a"), detect),
    Shape("lists: a large number", repeated("9"), lambda text: numeral(int(text[:9]), "a")),
)


def is_proportional(shape: Shape) -> bool:
    size = FIRST_SIZE
    while (short := seconds(shape, size)) < LEAST_SECONDS and size < LARGEST_SIZE:
        size *= 2
    if short < LEAST_SECONDS:
        # So fast at this size that its square would have shown.
        return True
    # A busy machine slows one of the two down now and then; a square is slower each time.
    return any(
        seconds(shape, size * TIMES_LONGER) < seconds(shape, size) * MOST_TIMES_SLOWER
        for _ in range(ATTEMPTS)
    )


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_eight_times_the_text_takes_about_eight_times_as_long(shape: Shape) -> None:
    assert is_proportional(shape)


def test_it_notices_a_square() -> None:
    square = Shape("", repeated("a"), lambda text: [text.count("b", at) for at in range(len(text))])
    assert not is_proportional(square)
