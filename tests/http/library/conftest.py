"""The site's own library, and an ingest worker that reads what is uploaded to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.library import Shelf, running, shelf, worker


@pytest.fixture
def books(chat_database: Database, settings: Settings) -> Shelf:
    """The service over the site's folder, to look behind the pages."""
    return shelf(chat_database, settings.documents)


@pytest.fixture
async def reading(ingest_database: Database, books: Shelf) -> AsyncIterator[None]:
    """Have uploads read while the test runs."""
    async with running(worker(ingest_database, books.blobs)):
        yield
