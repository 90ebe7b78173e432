"""Documents as the people see them who put them there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from appliance.ingest.extract.page import PageState
from appliance.ingest.model import DocumentState, Fault

SHARED_NAME = "Shared library"
PRIVATE_NAME = "My documents"
# One page in so many may be blank without anybody being told.
_BLANKS = 10


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
