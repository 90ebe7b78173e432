"""Chunks and passages as the database would give them."""

from __future__ import annotations

from uuid import UUID

from appliance.retrieval.model import FoundChunk, Passage

DOCUMENT = UUID(int=1)
PAGE = "".join(f"Sentence number {number:02d}. " for number in range(30))
SIZE = len("Sentence number 00.")
STEP = SIZE + 1


def chunk(
    ordinal: int,
    score: float | None = None,
    *,
    words: tuple[int, ...] = (),
    page: int = 1,
    document: UUID = DOCUMENT,
    coverage: float = 0.0,
    similarity: float | None = None,
) -> FoundChunk:
    """Return sentence `ordinal` of `PAGE`; its text goes on to the next one."""
    start = ordinal * STEP
    return FoundChunk(
        document_id=document,
        file_name="file.txt",
        page=page,
        ordinal=ordinal,
        start=start,
        end=start + SIZE,
        heading_path=[f"Heading {ordinal}"],
        text=PAGE[start : start + STEP],
        score=score,
        words=list(words),
        coverage=coverage,
        similarity=similarity,
    )


def passage(
    text: str = "text", *, coverage: float = 0.0, similarity: float | None = None
) -> Passage:
    """Return a passage."""
    return Passage(
        document_id=DOCUMENT,
        file_name="file.txt",
        page=1,
        start=0,
        end=len(text),
        heading_path=(),
        text=text,
        score=1.0,
        coverage=coverage,
        similarity=similarity,
    )
