"""Split pages into chunks: the passages that are embedded, found, quoted and cited.

Chunks do not overlap. Elsewhere, overlap keeps a passage whole in at least one chunk; here
retrieval merges neighbouring chunks by their page offsets. Overlap would only enlarge the index
and rank the same sentence twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.ingest.extract.page import Heading
from appliance.ingest.splitter import Sizes, split

# About 200 English words: several chunks fit into a small model's context, and each is short
# enough to have one subject.
CHUNK = Sizes(target=900, most=1200, least=200)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of one page: `text` is the page's text from `start` to `end`, to the character.

    `heading_path` names the sections that contain it, the outermost first.
    """

    page: int
    start: int
    end: int
    heading_path: tuple[str, ...]
    text: str


def chunks(
    page: int,
    text: str,
    headings: Sequence[Heading] = (),
    title: str | None = None,
    carried: Sequence[Heading] = (),
) -> list[Chunk]:
    """Split one page; `carried` are the headings open from the pages before (`open_headings`).

    `headings` are those of the page, in order. A heading that only repeats the document's `title`
    is left out of the paths.
    """
    offsets = [heading.offset for heading in headings]
    path, begun = list(carried), 0
    made = []
    for start, end in split(text, offsets, CHUNK.for_text(text)):
        while begun < len(headings) and headings[begun].offset <= start:
            _open(path, headings[begun])
            begun += 1
        names = tuple(heading.title for heading in path if heading.title != title)
        made.append(Chunk(page, start, end, names, text[start:end]))
    return made


def open_headings(carried: Sequence[Heading], headings: Sequence[Heading]) -> tuple[Heading, ...]:
    """Return the headings open after `headings`: each closes those of its level and below."""
    path = list(carried)
    for heading in headings:
        _open(path, heading)
    return tuple(path)


def _open(path: list[Heading], heading: Heading) -> None:
    while path and path[-1].level >= heading.level:
        path.pop()
    path.append(heading)
