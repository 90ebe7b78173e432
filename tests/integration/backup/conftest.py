"""A server whose database is the one that operations open, and homes on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.builders.backups import BackedUp, backed_up
from tests.postgres import Server, running_server, scratch_folder


@pytest.fixture(scope="module")
def backup_server() -> Iterator[Server]:
    """A server for the tests of a module."""
    with scratch_folder("cloister-backup-") as folder, running_server(folder) as server:
        asyncio.run(server.make_database())
        yield server


@pytest.fixture
def home(backup_server: Server) -> Iterator[BackedUp]:
    """A home of the test's own, on the database of the module, which has no documents."""
    with scratch_folder("cloister-home-") as folder:
        home = backed_up(backup_server, folder)
        yield home
        home.execute("DELETE FROM library.document")
        home.execute("DELETE FROM library.embedding_model")
        home.execute("DELETE FROM core.account")
