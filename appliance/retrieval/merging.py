"""Merge neighbouring chunks of a page into passages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from uuid import UUID

from appliance.retrieval.model import FoundChunk, Passage

# Two chunks of full size: more would push other passages out of a small model's context.
LONGEST = 2400


def merge_adjacent(chunks: Sequence[FoundChunk], *, longest: int = LONGEST) -> list[Passage]:
    """Return the ranked chunks among `chunks` as passages, best first.

    1. The best ranked chunk that is not yet part of a passage starts one.
    2. It is extended by the chunk before or after it on the page, if that one is ranked as well or
       contains a word of the question that the passage lacks. This is repeated while the passage
       stays within `longest` characters.
    """
    by_place = {(chunk.document_id, chunk.ordinal): chunk for chunk in chunks}
    passages = []
    for best in sorted(_ranked(chunks), key=_rank):
        if (best.document_id, best.ordinal) not in by_place:
            continue
        run = [best]
        while (neighbour := _next_neighbour(run, by_place, longest)) is not None:
            run = sorted([*run, neighbour], key=lambda chunk: chunk.start)
        for chunk in run:
            del by_place[chunk.document_id, chunk.ordinal]
        passages.append(_passage(run))
    return passages


def _ranked(chunks: Sequence[FoundChunk]) -> Iterator[FoundChunk]:
    return (chunk for chunk in chunks if chunk.score is not None)


def _rank(chunk: FoundChunk) -> tuple[float, str, int]:
    return (-(chunk.score or 0.0), str(chunk.document_id), chunk.ordinal)


def _next_neighbour(
    run: Sequence[FoundChunk],
    by_place: Mapping[tuple[UUID, int], FoundChunk],
    longest: int,
) -> FoundChunk | None:
    contained = {word for chunk in run for word in chunk.words}
    first, last = run[0], run[-1]
    beside = [
        by_place.get((first.document_id, ordinal))
        for ordinal in (first.ordinal - 1, last.ordinal + 1)
    ]
    useful = [
        chunk
        for chunk in beside
        if chunk is not None
        and chunk.page == first.page
        and max(last.end, chunk.end) - min(first.start, chunk.start) <= longest
        and (chunk.score is not None or not contained.issuperset(chunk.words))
    ]
    return max(useful, key=lambda chunk: chunk.score or 0.0, default=None)


def _passage(run: Sequence[FoundChunk]) -> Passage:
    first, last = run[0], run[-1]
    best = min(run, key=_rank)
    text = "".join(chunk.text[: after.start - chunk.start] for chunk, after in pairwise(run))
    similarities = [chunk.similarity for chunk in run if chunk.similarity is not None]
    return Passage(
        document_id=first.document_id,
        file_name=first.file_name,
        page=first.page,
        start=first.start,
        end=last.end,
        heading_path=tuple(best.heading_path),
        text=text + last.text[: last.end - last.start],
        score=best.score or 0.0,
        coverage=max(chunk.coverage for chunk in run),
        similarity=max(similarities, default=None),
        label=first.label,
    )
