"""The schema comes from plain files, once, in order, and never over a newer one."""

from __future__ import annotations

import asyncio
from importlib import resources

import psycopg
import pytest

from appliance.db import migrate as module
from appliance.db.errors import MigrationFailedError, SchemaTooNewError
from appliance.db.migrate import Migration, migrate, migrations
from appliance.db.pool import Database, conninfo
from tests.integration.db.schema import describe
from tests.postgres import Server


async def _empty_database(server: Server) -> str:
    return conninfo(server.socket, "cloister", database=await server.create_empty())


async def test_the_migrations_give_exactly_the_schema_of_schema_sql(server: Server) -> None:
    migrated, declared = await _empty_database(server), await _empty_database(server)
    await migrate(migrated)
    text = resources.files("appliance.db").joinpath("schema.sql").read_text("utf-8")
    async with await psycopg.AsyncConnection.connect(declared, autocommit=True) as connection:
        await connection.execute(text)
    assert await describe(migrated) == await describe(declared)


async def test_a_second_run_finds_nothing_to_do(server: Server) -> None:
    address = await _empty_database(server)
    assert await migrate(address) == [migration.name for migration in migrations()]
    assert await migrate(address) == []


async def test_two_processes_at_once_migrate_once(server: Server) -> None:
    address = await _empty_database(server)
    ran = await asyncio.gather(migrate(address), migrate(address))
    assert sorted(map(len, ran)) == [0, len(migrations())]


async def test_it_refuses_a_database_of_a_later_version(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("INSERT INTO public.migration VALUES (9999, 'later')")
    with pytest.raises(SchemaTooNewError, match="9999"):
        await migrate(database.address)


async def test_a_failing_migration_leaves_no_trace(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migration(
        len(migrations()) + 1, "broken", "CREATE TABLE public.half (x int); SELECT 1/0"
    )
    known = migrations()
    monkeypatch.setattr(module, "migrations", lambda: [*known, broken])
    with pytest.raises(MigrationFailedError, match="division by zero"):
        await migrate(database.address)
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT to_regclass('public.half')")
        assert await cursor.fetchone() == (None,)
