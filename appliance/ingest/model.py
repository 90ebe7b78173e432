"""A document on its way from the queue to the index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class DocumentState(StrEnum):
    """Where a document stands."""

    QUEUED = "queued"
    READING = "reading"
    READY = "ready"
    FAILED = "failed"
    QUARANTINED = "quarantined"

    @property
    def is_finished(self) -> bool:
        """Whether nothing happens any more until somebody asks for it."""
        return self in {DocumentState.READY, DocumentState.FAILED, DocumentState.QUARANTINED}

    @property
    def is_broken(self) -> bool:
        """Whether the document could not be read, so that it can be retried."""
        return self in {DocumentState.FAILED, DocumentState.QUARANTINED}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a document could not be read."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Claim:
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
class Reading:
    """What is known of a document once all of it was read."""

    title: str | None
    language: str
    page_count: int
    chunks: tuple[IndexedChunk, ...]


@dataclass(frozen=True, slots=True)
class QueuedDocument:
    """A row of the operator's queue view: names and progress, never content."""

    id: UUID
    file_name: str
    owner: str | None
    collection: str
    size: int
    state: DocumentState
    pages_done: int
    page_count: int | None
    attempts: int
    created_at: datetime
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many documents are in each state."""

    queued: int = 0
    reading: int = 0
    ready: int = 0
    failed: int = 0
    quarantined: int = 0


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
