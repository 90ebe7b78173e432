"""PostgreSQL hangs, a table is locked, too many ask at once: each use of the pool ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from psycopg import sql

from appliance.core.errors import DatabaseBusyError, DatabaseUnavailableError
from appliance.db.migrate import migrate
from appliance.db.pool import (
    OPERATION_SECONDS,
    REQUEST_SECONDS,
    WAIT_SECONDS,
    WORK_SECONDS,
    Database,
    conninfo,
)
from appliance.db.roles import BACKUP_ROLE, LIMITS, OWNER, PROCESS_ROLES, install_extension
from tests.postgres import Server, hung

CHAT, INGEST = PROCESS_ROLES
# A machine under load may be late; a server that hangs never answers.
NOT_FOR_EVER = 8.0


async def ask(database: Database, statement: str = "SELECT 42") -> object:
    async with database.connection() as connection:
        cursor = await connection.execute(statement.encode())
        row = await cursor.fetchone()
        return row[0] if row else None


@asynccontextmanager
async def locked(database: Database, table: str) -> AsyncIterator[None]:
    """Lock a table in another session while the block runs."""
    async with database.transaction(limit=600) as connection:
        await connection.execute(sql.SQL("LOCK TABLE {}").format(sql.Identifier(*table.split("."))))
        yield


async def test_a_use_ends_in_time_when_the_server_hangs(own_server: Server) -> None:
    async with Database(conninfo(own_server.socket, CHAT), limit=1.0, wait=0.5) as database:
        assert await ask(database) == 42
        async with asyncio.timeout(NOT_FOR_EVER):
            with hung(own_server):
                # The first on the open connection, the second where none can be opened.
                for _ in range(2):
                    with pytest.raises(DatabaseUnavailableError) as raised:
                        await ask(database)
                    assert type(raised.value) is DatabaseUnavailableError
        await _until_it_answers(database)


async def test_a_cancelled_caller_does_not_wait_for_a_server_that_hangs(
    own_server: Server,
) -> None:
    async with Database(conninfo(own_server.socket, CHAT), limit=600) as database:
        assert await ask(database) == 42
        with hung(own_server):
            asking = asyncio.create_task(ask(database))
            await asyncio.sleep(0.1)
            asking.cancel()
            ended, _ = await asyncio.wait({asking}, timeout=NOT_FOR_EVER)
        assert ended
        assert asking.cancelled()
        await _until_it_answers(database)


async def _until_it_answers(database: Database) -> None:
    async with asyncio.timeout(20):
        while True:
            with suppress(DatabaseUnavailableError):
                assert await ask(database) == 42
                return


async def test_a_locked_table_is_reported_as_a_database_that_does_not_answer(
    database: Database, chat_database: Database
) -> None:
    async with locked(database, "core.session"), asyncio.timeout(NOT_FOR_EVER):
        with pytest.raises(DatabaseUnavailableError):
            await ask(chat_database, "SELECT count(*) FROM core.session")
        assert await ask(chat_database) == 42


async def test_a_transaction_that_was_ended_for_doing_nothing_is_no_defect(
    database: Database,
) -> None:
    async def idle() -> None:
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '10ms'")
            await asyncio.sleep(0.3)
            await connection.execute("SELECT 1")

    with pytest.raises(DatabaseUnavailableError):
        await idle()
    assert await ask(database) == 42


async def test_too_many_requests_are_told_from_a_database_that_is_gone(
    database: Database,
) -> None:
    async with Database(database.address, size=1, wait=0.5) as small:
        found = await asyncio.gather(
            *(ask(small, "SELECT 42 FROM pg_sleep(0.1)") for _ in range(20)), return_exceptions=True
        )
    answers = {each for each in found if not isinstance(each, BaseException)}
    kinds = {type(each) for each in found if isinstance(each, BaseException)}
    assert answers == {42}
    assert kinds == {DatabaseBusyError}


async def test_a_connection_that_was_held_is_not_lent_again(database: Database) -> None:
    async with Database(database.address, size=1) as small:
        async with small.held_connection() as connection:
            await connection.execute("SELECT pg_advisory_lock(7)")
            await connection.execute("LISTEN something")
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7"
        async with asyncio.timeout(NOT_FOR_EVER):
            while await ask(small, locks) != 0:
                await asyncio.sleep(0.01)
        assert await ask(small, "SELECT count(*) FROM pg_listening_channels()") == 0


@pytest.mark.parametrize("role", LIMITS)
async def test_each_role_has_its_limits(server: Server, database_name: str, role: str) -> None:
    address = conninfo(server.socket, role, database=database_name)
    async with Database(address) as database:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            assert await ask(database, f"SHOW {name}") == getattr(LIMITS[role], name)


def test_people_are_answered_within_five_seconds() -> None:
    assert WAIT_SECONDS < REQUEST_SECONDS < 5
    assert REQUEST_SECONDS < OPERATION_SECONDS < WORK_SECONDS


def test_only_people_wait_a_short_time() -> None:
    assert set(LIMITS) == {OWNER, CHAT, INGEST, BACKUP_ROLE}
    assert LIMITS[CHAT].statement_timeout == "4s"
    assert LIMITS[INGEST].statement_timeout == "15min"
    assert LIMITS[BACKUP_ROLE].idle_in_transaction_session_timeout == "7h"


async def test_an_operation_may_take_longer_than_a_request(chat_database: Database) -> None:
    async with Database(chat_database.address, limit=0.2) as database:
        with pytest.raises(DatabaseUnavailableError):
            await ask(database, "SELECT 42 FROM pg_sleep(1)")
        async with database.transaction(limit=60) as connection:
            cursor = await connection.execute("SHOW statement_timeout")
            assert await cursor.fetchone() == ("1min",)
            await connection.execute("SELECT pg_sleep(0.5)")
        assert await ask(database, "SHOW statement_timeout") == "4s"


async def test_a_migration_has_no_limit(server: Server) -> None:
    name = server.next_name()
    admin = conninfo(server.socket, OWNER, database="postgres")
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        await connection.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} SET statement_timeout = '1ms'").format(
                sql.Identifier(OWNER), sql.Identifier(name)
            )
        )
    address = conninfo(server.socket, OWNER, database=name)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.QueryCanceled):
            await connection.execute("SELECT pg_sleep(1)")
    await install_extension(address)
    assert await migrate(address)
    server.drop(name)
