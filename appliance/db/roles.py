"""Create the database roles, the database and the extension, before the first migration."""

from __future__ import annotations

import psycopg
from psycopg import sql

from appliance.db.pool import DATABASE

OWNER = "cloister"
PROCESS_ROLES = ("cloister_chat", "cloister_ingest")
# Owns the functions that check passwords and open sessions; no process can log in as it.
ACCOUNTS_ROLE = "cloister_accounts"


async def create_database(address: str) -> None:
    """Create the roles and the database where they are missing.

    `address` names the server's `postgres` database and a superuser. Safe to repeat.
    """
    connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
    async with connection:
        for role in (*PROCESS_ROLES, ACCOUNTS_ROLE):
            found = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,))
            if not found.rowcount:
                kind = sql.SQL("NOLOGIN" if role == ACCOUNTS_ROLE else "LOGIN")
                await connection.execute(
                    sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), kind)
                )
        found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
        if not found.rowcount:
            await connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER)
                )
            )


async def install_extension(address: str) -> None:
    """Install pgvector, or bring it up to the library's version. Needs a superuser."""
    connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
    async with connection:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        await connection.execute("ALTER EXTENSION vector UPDATE")
