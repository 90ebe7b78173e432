"""A document on its way from the queue to the index."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Lease:
    """A document that this instance of the ingest process reads now."""

    id: UUID
    collection_id: UUID
    file_name: str
    digest: str
    attempts: int


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A chunk as it is stored, with the words by which it is found.

    `heading_words` weigh more than `body_words`: the file's name, the title and the headings.
    """

    page: int
    start: int
    end: int
    heading_path: tuple[str, ...]
    text: str
    heading_words: str
    body_words: str


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """What is known of a document once all of it was read."""

    title: str | None
    language: str
    page_count: int
    chunks: tuple[IndexedChunk, ...]


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A set of vectors: made by one model, at one version of it."""

    id: int
    name: str
    digest: str
    dimensions: int
    state: str


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A chunk that has no vector of a model yet."""

    id: int
    text: str
