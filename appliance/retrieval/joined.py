"""From chunks to passages: what belongs together on a page is read together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from uuid import UUID

from appliance.retrieval.model import FoundChunk, Passage

# Two chunks of full size: more would push other passages out of a small model's context.
LONGEST = 2400


def joined(chunks: Sequence[FoundChunk], *, longest: int = LONGEST) -> list[Passage]:
    """Return the winners among `chunks` as passages, best first.

    1. The best winner that is not yet part of a passage begins one.
    2. It takes in the chunk before or after it on the page, if that one won as well or holds a
       word of the question that is still missing, and goes on as long as that is so and the
       passage stays within `longest` characters.
    """
    by_place = {(chunk.document_id, chunk.ordinal): chunk for chunk in chunks}
    passages = []
    for winner in sorted(_winners(chunks), key=_rank):
        if (winner.document_id, winner.ordinal) not in by_place:
            continue
        run = [winner]
        while (neighbour := _next_neighbour(run, by_place, longest)) is not None:
            run = sorted([*run, neighbour], key=lambda chunk: chunk.start)
        for chunk in run:
            del by_place[chunk.document_id, chunk.ordinal]
        passages.append(_passage(run))
    return passages


def _winners(chunks: Sequence[FoundChunk]) -> Iterator[FoundChunk]:
    return (chunk for chunk in chunks if chunk.score is not None)


def _rank(chunk: FoundChunk) -> tuple[float, str, int]:
    return (-(chunk.score or 0.0), str(chunk.document_id), chunk.ordinal)


def _next_neighbour(
    run: Sequence[FoundChunk],
    by_place: Mapping[tuple[UUID, int], FoundChunk],
    longest: int,
) -> FoundChunk | None:
    held = {word for chunk in run for word in chunk.words}
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
        and (chunk.score is not None or not held.issuperset(chunk.words))
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
