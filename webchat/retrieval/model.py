"""What retrieval gives: passages with the place they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of text from one page. `text` is the page's characters `start` to `end`.

    `score` is the fused rank score, higher is better. `coverage` is the share (0 to 1) of the
    question's weight of words that the passage holds; `similarity` is the cosine to the question,
    None without vectors.
    """

    document_id: UUID
    file_name: str
    page: int
    start: int
    end: int
    heading_path: tuple[str, ...]
    text: str
    score: float
    coverage: float
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages for a question, best first; empty means that there is no evidence."""

    passages: tuple[Passage, ...]
    used_vectors: bool
