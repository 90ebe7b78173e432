"""Many transactions write at once, and each role does what it may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest

from appliance.accounts.model import Account
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.db.pool import Connection, Database, conninfo
from appliance.db.roles import AUDIT_ROLE, BACKUP_ROLE
from tests.builders.audit import add_rows, audited, verified
from tests.postgres import Server

WRITERS = 20
ENTRIES = 15


def event(number: int) -> AuditEvent:
    return AuditEvent(Action.DOCUMENT_ADD, ObjectType.DOCUMENT, str(uuid4()), f"document {number}")


@asynccontextmanager
async def chat_servers(server: Server, name: str, count: int) -> AsyncIterator[list[Database]]:
    """Lend databases as many processes have them."""
    async with AsyncExitStack() as stack:
        address = conninfo(server.socket, "cloister_chat", database=name)
        yield [await stack.enter_async_context(Database(address, size=1)) for _ in range(count)]


async def test_twenty_writers_at_once_make_one_chain(
    server: Server, database: Database, database_name: str, alice: Account, tmp_path: Path
) -> None:
    async def write(of: Database, number: int) -> None:
        for entry in range(ENTRIES):
            async with of.transaction() as connection:
                # Two entries of a transaction, and other work between them.
                await record(connection, alice, event(number))
                await connection.execute("SELECT pg_sleep(0.001)")
                await record(connection, alice, event(entry))

    async with chat_servers(server, database_name, WRITERS) as all_of_them:
        await asyncio.gather(*(write(one, number) for number, one in enumerate(all_of_them)))
    report = await verified(database, tmp_path)
    assert report.is_whole
    assert report.entries == report.last_position == WRITERS * ENTRIES * 2


async def test_a_transaction_that_goes_on_keeps_no_other_waiting(
    database: Database, chat_database: Database, alice: Account, tmp_path: Path
) -> None:
    """The role of the chat servers gives up after three seconds without a lock."""
    async with database.transaction() as slow:
        await record(slow, alice, event(1))
        for number in range(2, 12):
            async with chat_database.transaction() as connection:
                await record(connection, alice, event(number))
        assert len(await audited(database)) == 10
    # The order of the chain is that of the commits.
    async with database.connection() as connection:
        found = await connection.execute(
            "SELECT a.object FROM core.audit_link l JOIN core.audit a ON a.id = l.entry_id"
            " ORDER BY l.position DESC LIMIT 1"
        )
        assert await found.fetchone() == ("document 1",)
    assert (await verified(database, tmp_path)).is_whole


async def test_transactions_that_lock_the_same_rows_do_not_wait_in_a_circle(
    database: Database, alice: Account, bob: Account
) -> None:
    """One records first and locks then, the other the reverse."""
    has_recorded, has_locked = asyncio.Event(), asyncio.Event()
    lock = "SELECT FROM core.account WHERE id = %s FOR UPDATE"

    async def record_first() -> None:
        async with database.transaction() as connection:
            await record(connection, alice, event(1))
            has_recorded.set()
            await has_locked.wait()
            await connection.execute(lock, (bob.id,))

    async def lock_first() -> None:
        await has_recorded.wait()
        async with database.transaction() as connection:
            await connection.execute(lock, (bob.id,))
            has_locked.set()
            await record(connection, alice, event(2))

    await asyncio.gather(record_first(), lock_first())
    assert len(await audited(database)) == 2


async def _fail_after_recording(connection: Connection, actor: Account) -> None:
    async with connection.transaction():
        await record(connection, actor, event(0))
        await connection.execute("SELECT FROM core.no_such_table")


async def test_an_entry_that_is_rolled_back_leaves_no_gap(
    database: Database, alice: Account, tmp_path: Path
) -> None:
    for number in range(3):
        async with database.transaction() as connection:
            await record(connection, alice, event(number))
            with pytest.raises(psycopg.errors.UndefinedTable):
                await _fail_after_recording(connection, alice)
    report = await verified(database, tmp_path)
    assert (report.is_whole, report.entries, report.last_position) == (True, 3, 3)


CHANGES: tuple[LiteralString, ...] = (
    "UPDATE core.audit SET actor = 'bob'",
    "DELETE FROM core.audit",
    "TRUNCATE core.audit",
    "INSERT INTO core.audit_link VALUES (99, 99, 'x')",
    "UPDATE core.audit_link SET hash = 'x'",
    "DELETE FROM core.audit_link",
    "TRUNCATE core.audit_link",
    "UPDATE core.audit_start SET position = 7",
    "DELETE FROM core.audit_start",
    "TRUNCATE core.audit_start",
)
OF_OTHERS: tuple[LiteralString, ...] = (
    "INSERT INTO core.audit (at, actor, action) VALUES ('2020-01-01', 'olga', 'person.lock')",
    "INSERT INTO core.audit (happened_at, actor, action) VALUES (now(), 'olga', 'person.lock')",
    "INSERT INTO core.audit (id, actor, action) OVERRIDING SYSTEM VALUE VALUES (7, 'o', 'p')",
    "SELECT FROM core.audit",
    "SELECT FROM core.audit_link",
    "SELECT core.prune_audit('30 days', 10)",
    "SELECT nextval('core.audit_id_seq')",
    "ALTER TABLE core.audit DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "SET ROLE cloister_audit",
)
APPEND = "INSERT INTO core.audit (actor, action) VALUES ('olga', 'person.lock')"


async def refused(server: Server, name: str, role: str, statement: LiteralString) -> None:
    address = conninfo(server.socket, role, database=name)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(statement)


@pytest.mark.parametrize("statement", CHANGES)
async def test_no_role_changes_what_is_written(
    server: Server, database: Database, database_name: str, statement: LiteralString
) -> None:
    """The role `cloister` is a superuser: the triggers refuse it as well."""
    await add_rows(database, 3)
    for role in ("cloister", "cloister_chat", "cloister_ingest", BACKUP_ROLE):
        await refused(server, database_name, role, statement)
    assert len(await audited(database)) == 3


@pytest.mark.parametrize("statement", OF_OTHERS)
async def test_a_chat_server_appends_and_no_more(
    server: Server, database: Database, database_name: str, statement: LiteralString, tmp_path: Path
) -> None:
    address = conninfo(server.socket, "cloister_chat", database=database_name)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(APPEND)
    await refused(server, database_name, "cloister_chat", statement)
    report = await verified(database, tmp_path)
    assert (report.is_whole, report.entries) == (True, 1)


@pytest.mark.parametrize("role", ["cloister_ingest", BACKUP_ROLE])
async def test_other_processes_add_nothing(server: Server, database_name: str, role: str) -> None:
    await refused(server, database_name, role, APPEND)


async def test_the_owner_of_the_audit_cannot_log_in(server: Server, database_name: str) -> None:
    address = conninfo(server.socket, AUDIT_ROLE, database=database_name)
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        await psycopg.AsyncConnection.connect(address)
