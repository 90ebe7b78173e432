"""PostgreSQL goes away while an answer is written: the answer is kept when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import sql

from appliance.conversations.model import MessageState
from appliance.db.pool import conninfo
from tests.integration.answering.conftest import Chat, until
from tests.postgres import Server


@asynccontextmanager
async def unreachable(server: Server, name: str) -> AsyncIterator[None]:
    """Refuse new connections to a database, and close the open ones."""
    address = conninfo(server.socket, "cloister", database="postgres")
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        try:
            yield
        finally:
            await connection.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


async def test_an_answer_outlives_the_loss_of_the_database(
    chat: Chat, server: Server, database_name: str
) -> None:
    chat.fake.behaviour.answer = "word " * 200
    chat.fake.behaviour.token_delay = 0.1
    exchange = await chat.answering.start(chat.alice, "When?")
    live = chat.answering.live(exchange.answer.id)
    assert live is not None
    await until(lambda: bool(live.text))
    async with unreachable(server, database_name):
        # Only now may the answer end, however long it took to lock everybody out.
        chat.fake.behaviour.token_delay = 0.0
        await until(lambda: live.finished is not None)
        await asyncio.sleep(0)
        assert not live.has_ended
    await until(lambda: live.has_ended)
    answer = await chat.message(exchange.answer.id)
    assert answer.state == MessageState.COMPLETE
    assert answer.text.count("word") == 200
