"""Rows become the dataclasses of a model, whatever else the table has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import LiteralString

import pytest

from appliance.db.pool import Database
from appliance.db.rows import record_row


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Brick:
    number: int
    colour: Colour
    lining: Colour | None
    labels: list[str]

    @property
    def is_red(self) -> bool:
        return self.colour is Colour.RED


async def _brick(database: Database, statement: LiteralString) -> Brick | None:
    async with (
        database.connection() as connection,
        connection.cursor(row_factory=record_row(Brick)) as cursor,
    ):
        await cursor.execute(statement)
        return await cursor.fetchone()


async def test_a_text_becomes_the_enum_that_its_field_declares(database: Database) -> None:
    found = await _brick(
        database, "SELECT 1 AS number, 'red' AS colour, 'blue' AS lining, ARRAY['a'] AS labels"
    )
    assert found == Brick(1, Colour.RED, Colour.BLUE, ["a"])
    # Equal to a plain text as well, so equality alone would prove nothing.
    assert found.is_red
    assert found.lining is Colour.BLUE


async def test_null_stays_none(database: Database) -> None:
    found = await _brick(
        database, "SELECT 1 AS number, 'red' AS colour, NULL AS lining, ARRAY['red'] AS labels"
    )
    assert found is not None
    assert found.lining is None
    assert type(found.labels[0]) is str


async def test_a_column_of_a_newer_schema_is_left_out(database: Database) -> None:
    found = await _brick(
        database,
        "SELECT 7 AS later, 1 AS number, 'red' AS colour, 'red' AS lining, '{}'::text[] AS labels",
    )
    assert found == Brick(1, Colour.RED, Colour.RED, [])


async def test_a_missing_column_is_a_defect(database: Database) -> None:
    with pytest.raises(TypeError, match="lining"):
        await _brick(database, "SELECT 1 AS number, 'red' AS colour, '{}'::text[] AS labels")


async def test_an_unknown_value_is_a_defect(database: Database) -> None:
    with pytest.raises(ValueError, match="green"):
        await _brick(
            database,
            "SELECT 1 AS number, 'green' AS colour, NULL AS lining, '{}'::text[] AS labels",
        )


async def test_no_row_is_none(database: Database) -> None:
    statement: LiteralString = (
        "SELECT 1 AS number, 'red' AS colour, NULL AS lining, '{}'::text[] AS labels WHERE false"
    )
    assert await _brick(database, statement) is None
