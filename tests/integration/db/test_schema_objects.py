"""What the database lacks is noticed and named, object by object."""

from __future__ import annotations

from typing import LiteralString

import pytest

from appliance.db.pool import Database
from appliance.db.schema_objects import SchemaState, expected_objects, found_objects, schema_state


async def test_the_list_is_what_the_migrations_make(database: Database) -> None:
    # After a change of the schema, `make schema` writes the list again.
    assert await found_objects(database) == expected_objects()


async def test_a_migrated_database_lacks_nothing(database: Database) -> None:
    assert await schema_state(database) == SchemaState()


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        ("ALTER TABLE chat.citation RENAME TO citation_lost", "table chat.citation"),
        ("DROP TABLE library.page CASCADE", "table library.page"),
        (
            "ALTER TABLE core.account ALTER COLUMN display_name TYPE varchar(200)",
            "column core.account.display_name text not null",
        ),
        (
            "ALTER TABLE core.account ALTER COLUMN role DROP NOT NULL",
            "column core.account.role text not null",
        ),
        ("DROP INDEX library.chunk_words", "index library.chunk_words on library.chunk"),
        (
            """
            UPDATE pg_index SET indisvalid = false
            WHERE indexrelid = 'library.chunk_words'::regclass
            """,
            "index library.chunk_words on library.chunk",
        ),
        (
            "ALTER TABLE library.document DROP CONSTRAINT document_digest_check",
            "constraint library.document document_digest_check c",
        ),
        (
            "ALTER TABLE library.chunk DISABLE TRIGGER chunk_added",
            "trigger library.chunk chunk_added",
        ),
    ],
)
async def test_what_is_gone_is_named(database: Database, damage: LiteralString, lost: str) -> None:
    async with database.connection() as connection:
        await connection.execute(damage)
    assert lost in (await schema_state(database)).lost


async def test_of_a_lost_table_only_the_table_is_named(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("DROP VIEW core.chosen_model")
        await connection.execute("ALTER TABLE chat.citation RENAME TO citation_lost")
        await connection.execute("DROP INDEX library.chunk_words")
    assert (await schema_state(database)).lost == (
        "index library.chunk_words on library.chunk",
        "table chat.citation",
        "view core.chosen_model",
    )


async def test_a_function_with_another_body_is_named(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "CREATE OR REPLACE FUNCTION library.drop_vectors(model integer) RETURNS void"
            " LANGUAGE sql AS 'SELECT NULL::void'"
        )
    (lost,) = (await schema_state(database)).lost
    assert lost.startswith("function library.drop_vectors(model integer) ")


async def test_what_was_added_by_hand_is_no_fault(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("CREATE INDEX of_an_operator ON chat.message (created_at)")
        await connection.execute("ALTER TABLE chat.message ADD COLUMN of_an_operator text")
    assert await schema_state(database) == SchemaState()


async def test_without_its_migrations_only_they_are_named(database: Database) -> None:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "DELETE FROM public.migration WHERE number = (SELECT max(number) FROM public.migration)"
            " RETURNING name"
        )
        (name,) = await cursor.fetchone() or ("",)
        await connection.execute("ALTER TABLE chat.citation RENAME TO citation_lost")
    assert await schema_state(database) == SchemaState(pending=(name,))
