"""What retrieval gives: passages with the place they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of text from one page. `text` is the page's characters `start` to `end`.

    `label` is how the page is called where a number would mislead: “row 41”, “part 3”.
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
        """Where it stands in its document, in words."""
        return self.label or f"page {self.page}"


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages for a question, best first; empty means that there is no evidence."""

    passages: tuple[Passage, ...]
    used_vectors: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for: words, each with the share it counts for, and the text to embed."""

    words: tuple[str, ...]
    shares: tuple[float, ...]
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
    """A question as `model` sees it."""

    model: EmbeddingModel
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A chunk that won (it has a score), or that stands next to one that did.

    `text` goes on to where the next chunk of the page starts: `end` only ends the chunk itself.
    `words` are the numbers of the question's words that it holds.
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
