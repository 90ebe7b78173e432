"""What the role of the chat servers may not do, asked of PostgreSQL as that role."""

from __future__ import annotations

import base64
import hashlib

import psycopg
import pytest
from argon2 import PasswordHasher
from typing_extensions import override

from appliance.accounts.errors import SignInFailedError
from appliance.accounts.model import Account
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.core.clock import SystemClock
from appliance.db.migrate import migrations
from appliance.db.pool import Database, conninfo
from tests.builders.people import FAST_PASSWORDS, PASSWORD
from tests.postgres import Server

FORBIDDEN = (
    "SELECT password_digest FROM core.account",
    "SELECT password_parameters FROM core.account",
    "SELECT * FROM core.account",
    "UPDATE core.account SET password_digest = sha256('x'), password_parameters = 'x'",
    "INSERT INTO core.session SELECT 'x', id, now(), now(), 'infinity' FROM core.account",
    "UPDATE core.session SET expires_at = 'infinity'",
    "SELECT digest FROM core.session",
    "DELETE FROM core.session",
    "SELECT digest FROM core.invitation",
    "INSERT INTO core.invitation (digest, purpose, expires_at) VALUES ('x', 'claim', 'infinity')",
    "SELECT * FROM core.login_attempt",
    "DELETE FROM core.login_attempt",
    "INSERT INTO core.device SELECT 'x', id, 'infinity' FROM core.account",
    "SELECT core.open_session(id, 'x', 'x', now(), 'infinity') FROM core.account",
    "SELECT core.prove_password(NULL, 'alice', 'x')",
    "SET ROLE cloister_accounts",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_passwords_and_sessions_are_out_of_reach(
    chat_database: Database, alice: Account, statement: str
) -> None:
    async with chat_database.connection() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute(statement.encode())


async def test_nobody_can_log_in_as_the_owner_of_the_functions(server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        await psycopg.AsyncConnection.connect(conninfo(server.socket, "cloister_accounts"))


async def test_the_stored_digest_of_a_password_proves_nothing(
    chat_database: Database, database: Database, alice: Account
) -> None:
    async with database.connection() as connection:
        rows = await connection.execute("SELECT password_digest FROM core.account")
        stored = (await rows.fetchall())[0][0]

    class Thief(Passwords):
        @override
        def derive(self, parameters: str | None, password: str) -> bytes:
            return bytes(stored)

    with pytest.raises(SignInFailedError):
        await Accounts(chat_database, SystemClock(), Thief()).sign_in("alice", "x", "192.0.2.1")


@pytest.mark.parametrize("length", [16, 32])
async def test_passwords_of_the_previous_version_still_work(server: Server, length: int) -> None:
    """A password that Argon2 wrote into a column of text, and a person who was only invited."""
    name = await server.create_empty()
    address = conninfo(server.socket, "cloister", database=name)
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=length)
    encoded = hasher.hash(PASSWORD)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        for migration in migrations():
            if "passwords_behind_functions" in migration.name:
                await connection.execute(
                    "INSERT INTO core.account (name, display_name, role, password_hash) VALUES"
                    " ('alice', 'Alice', 'member', %s), ('bob', 'Bob', 'member', '!')",
                    (encoded,),
                )
            await connection.execute(migration.statement)
        rows = await connection.execute(
            "SELECT password_digest, password_parameters FROM core.account ORDER BY name"
        )
        parameters, _, text = encoded.rpartition("$")
        key = base64.b64decode(text + "=" * (-len(text) % 4))
        assert await rows.fetchall() == [
            (hashlib.sha256(key).digest(), f"{parameters}${length}"),
            (None, None),
        ]
    chat = conninfo(server.socket, "cloister_chat", database=name)
    async with Database(chat) as database:
        accounts = Accounts(database, SystemClock(), FAST_PASSWORDS)
        assert (await accounts.sign_in("alice", PASSWORD, "192.0.2.1")).text
        with pytest.raises(SignInFailedError):
            await accounts.sign_in("bob", "!", "192.0.2.1")
