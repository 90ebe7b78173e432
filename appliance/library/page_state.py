"""The result of reading one page. A module of its own, because each parser process loads it."""

from __future__ import annotations

from enum import StrEnum


class PageState(StrEnum):
    """The result of reading one page: the ledger's `state`."""

    READ = "read"
    EMPTY = "empty"
    FAILED = "failed"
