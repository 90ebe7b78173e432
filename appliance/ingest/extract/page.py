"""The output of a parser: facts about the document, then its pages."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.library.model import PageState


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading that starts at character `offset` of its page; level 1 is the highest."""

    offset: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """The facts known before the first page; `page_count` only where the format has pages."""

    title: str | None = None
    page_count: int | None = None


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    """One page, or one part of a document that has no pages.

    `label` replaces the number in citations where it would mislead (rows of a table); `note` is a
    remark for the ledger, such as why a page failed.
    """

    number: int
    text: str
    label: str | None = None
    headings: tuple[Heading, ...] = ()
    state: PageState = PageState.READ
    note: str | None = None
