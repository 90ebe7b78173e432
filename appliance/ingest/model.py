"""A document between the queue and the index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Reach(StrEnum):
    """What a parser might reach beside its document, and should not."""

    FILES = "files"
    WRITING = "writing"
    SOCKETS = "sockets"
    PROCESSES = "processes"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of this instance of the ingest process to read one document now."""

    id: UUID
    collection_id: UUID
    file_name: str
    digest: str


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as it is stored, with its search words.

    `heading_words` (the file's name, the title and the headings) weigh more than `body_words`.
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
    """A document that was read completely, ready to be indexed."""

    title: str | None
    language: str
    page_count: int
    chunks: Sequence[StoredChunk]


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A set of vectors, made by one version of one model."""

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
