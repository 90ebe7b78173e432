"""The library as the chat server's role sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.db.pool import Database
from tests.builders.library import Shelf, shelf


@pytest.fixture
def library(chat_database: Database, tmp_path: Path) -> Shelf:
    return shelf(chat_database, tmp_path / "documents")
