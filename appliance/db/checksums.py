"""What PostgreSQL knows about damaged pages of its own files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from appliance.db.pool import Database
from appliance.db.queries import Queries
from appliance.db.rows import fetch_records

_QUERIES = Queries("appliance.db")


@dataclass(frozen=True, slots=True)
class PageChecksums:
    """Whether pages have checksums, and how many did not fit when they were read."""

    are_on: bool
    failures: int = 0
    last_failure: datetime | None = None


async def page_checksums(database: Database) -> PageChecksums:
    """Return what PostgreSQL has counted. Raises DatabaseUnavailableError."""
    (found,) = await fetch_records(database, PageChecksums, _QUERIES["page_checksums"], {})
    return found
