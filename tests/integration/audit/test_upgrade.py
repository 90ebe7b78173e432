"""The migration links the entries that are there, and those that the former version adds."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from appliance.db import migrate as module
from appliance.db.migrate import migrate, migrations
from appliance.db.pool import WORK_SECONDS, Database, conninfo
from tests.builders.audit import verified
from tests.postgres import Server

# What the version before this one executes.
FORMER_STATEMENT = (
    "INSERT INTO core.audit (actor, action, object_type, object_id, object, detail)"
    " VALUES ('alice', 'document.add', 'document', '7', '7', '{\"b\": 1, \"a\": \"ü\"}'::jsonb)"
)


@pytest.fixture
async def former(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a database as the version before the chain has left it."""
    address = conninfo(server.socket, "cloister", database=await server.create_empty())
    all_of_them = migrations()
    numbers = [one.number for one in all_of_them if "audit_chain" in one.name]
    with monkeypatch.context() as patch:
        before = [one for one in all_of_them if one.number < numbers[0]]
        patch.setattr(module, "migrations", lambda: before)
        await migrate(address)
    return address


async def test_entries_of_the_former_version_are_linked_in_their_order(
    former: str, tmp_path: Path
) -> None:
    async with await psycopg.AsyncConnection.connect(former, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO core.audit (actor, action, object, detail) SELECT 'o', 'p.q', 'ü' || n,"
            " jsonb_build_object('n', n) FROM generate_series(1, 3000) AS n"
        )
        # Ids have gaps after a transaction that was rolled back.
        await connection.execute("DELETE FROM core.audit WHERE id IN (1, 50, 51)")
    await migrate(former)
    async with Database(former, limit=WORK_SECONDS) as database:
        report = await verified(database, tmp_path)
        assert (report.is_whole, report.entries, report.last_position) == (True, 2_997, 2_997)
        async with database.connection() as connection:
            found = await connection.execute(
                "SELECT count(*) FROM core.audit_link l JOIN core.audit_link m"
                " ON m.position = l.position + 1 WHERE m.entry_id <= l.entry_id"
            )
            assert await found.fetchone() == (0,)


async def test_a_chat_server_of_the_former_version_goes_on(
    former: str, server: Server, tmp_path: Path
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(former)["dbname"]
    chat = conninfo(server.socket, "cloister_chat", database=str(name))
    async with await psycopg.AsyncConnection.connect(chat, autocommit=True) as connection:
        await connection.execute(FORMER_STATEMENT)
        await migrate(former)
        await connection.execute(FORMER_STATEMENT)
    async with Database(former) as database:
        report = await verified(database, tmp_path)
    assert (report.is_whole, report.entries) == (True, 2)
