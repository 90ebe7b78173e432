"""Passages with their place in a document, and what is searched for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive text of one page. `text` is the page's characters `start` to `end`.

    `label` names the page where a number would mislead: “row 41”, “part 3”.
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
    label: str | None = None

    @property
    def place(self) -> str:
        """Its place in the document, in words."""
        return self.label or f"page {self.page}"


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages for a question, best first; none means that there is no evidence."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for: words, each with its weight (0 to 1), and the text to embed."""

    words: tuple[str, ...]
    weights: tuple[float, ...]
    text: str


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """The model whose vectors are searched."""

    id: int
    name: str
    digest: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class QuestionVector:
    """The embedding of a question by `model`."""

    model: EmbeddingModel
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A chunk that was ranked (it has a score), or the neighbour of one on its page.

    `text` continues to the start of the next chunk of the page: `end` is the end of the chunk.
    `words` are the numbers of the question's words that it contains.
    """

    document_id: UUID
    file_name: str
    page: int
    ordinal: int
    start: int
    end: int
    heading_path: list[str]
    text: str
    score: float | None
    words: list[int]
    coverage: float
    similarity: float | None
    label: str | None = None
