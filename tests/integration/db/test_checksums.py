"""A page of PostgreSQL's own files that was changed on the disk is counted and reported."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from appliance.db.checksums import page_checksums
from appliance.db.pool import Database
from appliance.health.checks.checksums import evaluate_checksums
from appliance.health.model import CheckState
from tests.builders.library import until
from tests.postgres import Server

FOLDER = Path("/data")
_TABLE = "library.collection"
# Beyond the header of a page, which is 24 bytes.
_AT = 4000


async def _damage(server: Server, database_name: str) -> None:
    """Change a page on the disk before the server reads it for the first time in this database."""
    find = "SELECT setting FROM pg_settings WHERE name = 'data_directory'"
    folder = server.administrator.execute(find).fetchone()
    number = server.administrator.execute(
        "SELECT oid FROM pg_database WHERE datname = %s", (database_name,)
    ).fetchone()
    template = await _file_in_template(server)
    assert folder is not None
    assert number is not None
    path = Path(str(folder[0])) / "base" / str(number[0]) / template
    content = bytearray(await asyncio.to_thread(path.read_bytes))
    content[_AT] ^= 0xFF
    await asyncio.to_thread(path.write_bytes, content)


async def _file_in_template(server: Server) -> str:
    """Return the name of the table's file, which is the same in each copy of the database."""
    name = server.clone()
    address = psycopg.conninfo.make_conninfo(host=str(server.socket), dbname=name, user="cloister")
    async with await psycopg.AsyncConnection.connect(address) as connection:
        cursor = await connection.execute("SELECT pg_relation_filenode(%s::regclass)", (_TABLE,))
        row = await cursor.fetchone()
    server.drop(name)
    assert row is not None
    return str(row[0])


async def test_a_damaged_page_is_counted_and_is_a_failure(
    server: Server, database_name: str
) -> None:
    await _damage(server, database_name)
    address = psycopg.conninfo.make_conninfo(
        host=str(server.socket), dbname=database_name, user="cloister"
    )
    async with Database(address) as database:
        before = await page_checksums(database)
        assert before.are_on
        assert evaluate_checksums(before, FOLDER).state is CheckState.OK
        with pytest.raises(psycopg.errors.DataCorrupted):
            async with database.connection() as connection:
                await connection.execute("SELECT * FROM library.collection")

        async def is_counted() -> bool:
            return (await page_checksums(database)).failures > before.failures

        await until(is_counted)
        found = await page_checksums(database)
    assert found.last_failure is not None
    result = evaluate_checksums(found, FOLDER)
    assert result.state is CheckState.FAILED
    assert "damaged pages" in result.sentence
