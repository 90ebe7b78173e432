"""The library as the chat server's role sees it, and three people."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.accounts.model import Account, Role
from appliance.db.pool import Database
from tests.builders.library import Shelf, shelf
from tests.builders.people import add_person


@pytest.fixture
def library(chat_database: Database, tmp_path: Path) -> Shelf:
    return shelf(chat_database, tmp_path / "documents")


@pytest.fixture
async def alice(database: Database) -> Account:
    return await add_person(database, "alice")


@pytest.fixture
async def bob(database: Database) -> Account:
    return await add_person(database, "bob")


@pytest.fixture
async def olga(database: Database) -> Account:
    return await add_person(database, "olga", Role.OPERATOR)
