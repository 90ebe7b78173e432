"""What every test may ask for: a real PostgreSQL, and an empty migrated database in it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from appliance.accounts.model import Account
from appliance.actors.permissions import Role
from appliance.db.migrate import migrate
from appliance.db.pool import Database, conninfo
from appliance.db.roles import PROCESS_ROLES, create_database, install_extension
from tests.builders.people import add_person
from tests.postgres import Server, running_server

TEMPLATE = "template_cloister"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server of this test run's own, with the schema in a template database."""
    folder = Path(tempfile.mkdtemp(prefix="cloister-pg-"))
    try:
        with running_server(folder) as server:
            asyncio.run(_make_template(server))
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _make_template(server: Server) -> None:
    await create_database(conninfo(server.socket, "cloister", database="postgres"))
    template = conninfo(server.socket, "cloister")
    await install_extension(template)
    await migrate(template)
    async with await psycopg.AsyncConnection.connect(
        conninfo(server.socket, "cloister", database="postgres"), autocommit=True
    ) as connection:
        await connection.execute(
            sql.SQL("ALTER DATABASE cloister RENAME TO {}").format(sql.Identifier(TEMPLATE))
        )


@pytest.fixture
async def database_name(server: Server) -> AsyncIterator[str]:
    """The name of a fresh database that was cloned from the template."""
    name = server.next_name()
    address = conninfo(server.socket, "cloister", database="postgres")
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        yield name
        await connection.execute(
            sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        )


@pytest.fixture
async def database(server: Server, database_name: str) -> AsyncIterator[Database]:
    """The fresh database as its owner, role `cloister`."""
    async with Database(conninfo(server.socket, "cloister", database=database_name)) as database:
        yield database


@pytest.fixture
async def chat_database(server: Server, database_name: str) -> AsyncIterator[Database]:
    """The same fresh database as the chat server sees it, with that role's rights only."""
    address = conninfo(server.socket, PROCESS_ROLES[0], database=database_name)
    async with Database(address) as database:
        yield database


@pytest.fixture
async def ingest_database(server: Server, database_name: str) -> AsyncIterator[Database]:
    """The same fresh database as the ingest process sees it."""
    address = conninfo(server.socket, PROCESS_ROLES[1], database=database_name)
    async with Database(address) as database:
        yield database


@pytest.fixture
async def alice(database: Database) -> Account:
    """A member."""
    return await add_person(database, "alice")


@pytest.fixture
async def bob(database: Database) -> Account:
    """Another member."""
    return await add_person(database, "bob")


@pytest.fixture
async def olga(database: Database) -> Account:
    """The operator."""
    return await add_person(database, "olga", Role.OPERATOR)
