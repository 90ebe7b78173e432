"""Documents as the people see them who put them there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID

SHARED_NAME = "Shared library"
PRIVATE_NAME = "My documents"
# One page in so many may be blank without anybody being told.
_BLANKS = 10


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
        return self in BROKEN


BROKEN = frozenset({DocumentState.FAILED, DocumentState.QUARANTINED})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a document could not be read."""

    code: str
    message: str
    hint: str


class PageState(StrEnum):
    """How reading one page went: the ledger's `state`."""

    READ = "read"
    EMPTY = "empty"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Collection:
    """A shelf of the library; without an owner it is shared with everybody on this machine."""

    id: UUID
    name: str
    owner_id: UUID | None

    @property
    def is_shared(self) -> bool:
        """Whether everybody may read what is in it."""
        return self.owner_id is None


@dataclass(frozen=True, slots=True)
class Document:
    """A document that the reader may see; `may_change` says whether they may delete or retry it.

    `pages_done` counts the rows of the ledger, `pages_without_text` those of them that gave none;
    `page_count` is unknown until the parser tells.
    """

    id: UUID
    collection_id: UUID
    collection: str
    is_shared: bool
    uploader: str | None
    file_name: str
    digest: str
    size: int
    state: DocumentState
    fault: Fault | None
    title: str | None
    pages_done: int
    pages_without_text: int
    page_count: int | None
    created_at: datetime
    ready_at: datetime | None
    may_change: bool

    @property
    def lacks_text(self) -> bool:
        """Whether it was read, but more of it gave no text than a blank page here and there."""
        is_ready = self.state is DocumentState.READY
        return is_ready and 0 < self.pages_done <= self.pages_without_text * _BLANKS


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """How the reading of one page went."""

    number: int
    label: str | None
    state: PageState
    characters: int
    note: str | None


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of one page, and which pages stand before and after it."""

    number: int
    label: str | None
    state: PageState
    text: str
    note: str | None
    previous: int | None
    next: int | None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of an upload; a duplicate is a file that the collection had already."""

    document: Document
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Original:
    """The file as it was uploaded."""

    path: Path
    file_name: str
    size: int


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
