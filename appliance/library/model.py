"""Documents, their pages and their states."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from appliance.library.page_state import PageState

SHARED_NAME = "Shared library"
PRIVATE_NAME = "My documents"
# A document lacks text if at least one page in so many gave none.
_BLANKS = 10


class DocumentState(StrEnum):
    """The state of a document, from the upload to the index."""

    QUEUED = "queued"
    READING = "reading"
    READY = "ready"
    FAILED = "failed"
    QUARANTINED = "quarantined"

    @property
    def is_finished(self) -> bool:
        """Whether the document changes only on request from here on."""
        return self in {DocumentState.READY, DocumentState.FAILED, DocumentState.QUARANTINED}

    @property
    def is_broken(self) -> bool:
        """Whether the document could not be read and may be queued again."""
        return self in BROKEN


BROKEN = frozenset({DocumentState.FAILED, DocumentState.QUARANTINED})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a document could not be read."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of documents; without an owner it is shared by all accounts of this machine."""

    id: UUID
    name: str
    owner_id: UUID | None

    @property
    def is_shared(self) -> bool:
        """Whether every account may read its documents."""
        return self.owner_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class _AnyDocument:
    """The columns that members and operators both see.

    `pages_done` counts the rows of the ledger; `page_count` is unknown until the parser reports it.
    """

    id: UUID
    collection: str
    file_name: str
    size: int
    state: DocumentState
    pages_done: int
    page_count: int | None
    created_at: datetime
    error_code: str | None
    error_message: str | None
    error_hint: str | None

    @property
    def fault(self) -> Fault | None:
        """Why the document could not be read."""
        if self.error_code is None:
            return None
        return Fault(self.error_code, self.error_message or "", self.error_hint or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(_AnyDocument):
    """A document that the reader may see; `may_change` allows to delete it and to retry it.

    `pages_without_text` counts the rows of the ledger whose page gave no text.
    """

    collection_id: UUID
    is_shared: bool
    uploader: str | None
    digest: str
    title: str | None
    pages_without_text: int
    ready_at: datetime | None
    may_change: bool

    @property
    def lacks_text(self) -> bool:
        """Whether it was read, but too many of its pages gave no text to be only blank pages."""
        is_ready = self.state is DocumentState.READY
        return is_ready and 0 < self.pages_done <= self.pages_without_text * _BLANKS


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The result of reading one page, without its text."""

    number: int
    label: str | None
    state: PageState
    characters: int
    note: str | None


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of one page, and the numbers of the pages before and after it."""

    number: int
    label: str | None
    state: PageState
    text: str
    note: str | None
    previous: int | None
    next: int | None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The result of an upload; a duplicate is a file that the collection already contains."""

    document: Document
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Original:
    """The file as it was uploaded.

    `pieces` yields its content, and raises FileDamagedError in place of the last piece unless the
    whole content is what was uploaded.
    """

    file_name: str
    size: int
    pieces: AsyncGenerator[bytes, None]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A file as documents have it; `is_faulty` says that a fault of it is recorded on them."""

    digest: str
    size: int
    is_faulty: bool


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A document, and whether the database has all pages and chunks that reading it gave."""

    id: UUID
    is_complete: bool


@dataclass(frozen=True, slots=True)
class RecordedFaults:
    """How many documents have a damaged file, no file, or an index with gaps.

    `overdue` counts the files whose last verification is too long ago.
    """

    damaged: int = 0
    missing: int = 0
    incomplete: int = 0
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """How many bytes a person's files take, and may take; without a limit it is None.

    `is_own` says that an operator set the limit for this person.
    """

    used: int
    limit: int | None
    is_own: bool = False

    @property
    def share(self) -> float | None:
        """The used share of the limit, from 0 to 1."""
        return None if self.limit is None else min(1.0, self.used / self.limit)

    def has_room(self, size: int) -> bool:
        """Return whether so many further bytes stay within the limit."""
        return self.limit is None or self.used + size <= self.limit


@dataclass(frozen=True, slots=True)
class PersonUsage:
    """What the files of one person take, as operators see it."""

    id: UUID
    name: str
    display_name: str
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedDocument(_AnyDocument):
    """A row of the operator's queue view: names and progress, never content."""

    owner: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many documents are in each state."""

    queued: int = 0
    reading: int = 0
    ready: int = 0
    failed: int = 0
    quarantined: int = 0
