"""Create the database roles, the database and the extension, before the first migration."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow

from appliance.db.pool import DATABASE

OWNER = "cloister"
PROCESS_ROLES = ("cloister_chat", "cloister_ingest")
# Owns the functions that check passwords and open sessions; no process can log in as it.
ACCOUNTS_ROLE = "cloister_accounts"
# Owns the audit and its chain; no process can log in as it.
AUDIT_ROLE = "cloister_audit"
# Reads every table for the backups, and changes nothing.
BACKUP_ROLE = "cloister_backup"
_WITHOUT_LOGIN = (ACCOUNTS_ROLE, AUDIT_ROLE)
# The role of PostgreSQL itself that may read everything.
_READER = "pg_read_all_data"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long PostgreSQL lets the sessions of a role go on, by the names of its settings."""

    statement_timeout: str
    lock_timeout: str
    idle_in_transaction_session_timeout: str


# People wait for the chat server and the console. The document reader works for itself: the chunks
# of a large document, or the vectors of all, take their time. A backup holds one transaction, idle
# meanwhile, until the dump of all tables is written; appliance/backup/dump.py ends it earlier.
LIMITS = {
    "cloister_chat": SessionLimits("4s", "3s", "10s"),
    "cloister_ingest": SessionLimits("15min", "5min", "5min"),
    OWNER: SessionLimits("1min", "3s", "1min"),
    BACKUP_ROLE: SessionLimits("7h", "1min", "7h"),
}
# A migration takes as long as the data need; `options` of its connections.
WITHOUT_LIMITS = " ".join(f"-c {name}=0" for name in SessionLimits.__slots__)


async def create_database(address: str) -> None:
    """Create the roles and the database where they are missing, and limit the roles' sessions.

    `address` names the server's `postgres` database and a superuser. Safe to repeat.
    """
    connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
    async with connection:
        for role in (*PROCESS_ROLES, *_WITHOUT_LOGIN, BACKUP_ROLE):
            found = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,))
            if not found.rowcount:
                kind = sql.SQL("NOLOGIN" if role in _WITHOUT_LOGIN else "LOGIN")
                await connection.execute(
                    sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), kind)
                )
        await _let_read_all(connection, BACKUP_ROLE)
        for role, limits in LIMITS.items():
            await _limit(connection, role, limits)
        found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
        if not found.rowcount:
            await connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER)
                )
            )


async def _let_read_all(connection: AsyncConnection[TupleRow], role: str) -> None:
    """Make a role a member of the one that may read everything."""
    found = await connection.execute("SELECT pg_has_role(%s, %s, 'member')", (role, _READER))
    # A membership that is there is left alone: two processes that grant it at once fail.
    if await found.fetchone() != (True,):
        await connection.execute(
            sql.SQL("GRANT {} TO {}").format(sql.Identifier(_READER), sql.Identifier(role))
        )


async def install_extension(address: str) -> None:
    """Install pgvector, or bring it up to the library's version. Needs a superuser."""
    connection = await psycopg.AsyncConnection.connect(
        address, autocommit=True, options=WITHOUT_LIMITS
    )
    async with connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        await connection.execute("ALTER EXTENSION vector UPDATE")


async def _limit(connection: AsyncConnection[TupleRow], role: str, limits: SessionLimits) -> None:
    """Give a role its limits, for the sessions that begin from now on."""
    found = await connection.execute("SELECT rolconfig FROM pg_roles WHERE rolname = %s", (role,))
    row = await found.fetchone()
    known = row[0] or () if row else ()
    for name, value in asdict(limits).items():
        # Unchanged ones are left alone: two processes that change one role at once fail.
        if f"{name}={value}" not in known:
            await connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    sql.Identifier(role), sql.Identifier(name), sql.Literal(value)
                )
            )
