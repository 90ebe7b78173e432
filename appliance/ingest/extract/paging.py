"""Split formats without pages into parts of a few thousand characters."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from appliance.ingest.extract.page import ExtractedPage, Heading
from appliance.ingest.splitter import Sizes, split

# About one printed page.
PART = Sizes(target=3000, most=4000, least=1000)


def parts(
    text: str, headings: Sequence[Heading] = (), note: str | None = None
) -> Iterator[ExtractedPage]:
    """Yield `text` as pages “part 1”, “part 2”, …, each with its headings at their new offsets."""
    offsets = [heading.offset for heading in headings]
    spans = list(split(text, offsets, PART.for_text(text)))
    for number, (start, end) in enumerate(spans, start=1):
        first, last = bisect_left(offsets, start), bisect_left(offsets, end)
        here = tuple(
            Heading(heading.offset - start, heading.level, heading.title)
            for heading in headings[first:last]
        )
        yield ExtractedPage(
            number,
            text[start:end],
            label=f"part {number}" if len(spans) > 1 else None,
            headings=here,
            note=note if number == 1 else None,
        )
