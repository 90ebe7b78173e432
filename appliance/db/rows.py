"""Rows as the frozen dataclasses that a feature's model declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from typing import LiteralString

    from _typeshed import DataclassInstance
    from psycopg import Cursor
    from psycopg.rows import BaseRowFactory, RowMaker

    from appliance.db.pool import Database

Row = TypeVar("Row", bound="DataclassInstance")
Convert = Callable[[Any], Any]


def record_row(kind: type[Row]) -> BaseRowFactory[Row]:
    """Return a row factory that makes each row a `kind`, like psycopg's `class_row`.

    In addition, a text column becomes the StrEnum that its field declares (NULL stays None where
    the field allows it), and a column that `kind` does not declare is left out. A statement may
    therefore select `message.*`, also while a newer schema has a column that this code does not
    know. A field without a column and without a default raises TypeError.
    """
    converters = _converters(kind)

    def make_factory(cursor: Cursor[Any]) -> RowMaker[Row]:
        columns = [
            (position, column.name, converters[column.name])
            for position, column in enumerate(cursor.description or ())
            if column.name in converters
        ]

        def make(values: Sequence[Any]) -> Row:
            return kind(**{name: convert(values[at]) for at, name, convert in columns})

        return make

    # psycopg passes each kind of cursor; all of them have a description.
    return make_factory  # type: ignore[return-value]


async def fetch_records(
    database: Database, kind: type[Row], statement: LiteralString, facts: Mapping[str, Any]
) -> list[Row]:
    """Run one statement in a transaction of its own and return its rows as `kind`.

    Raises DatabaseUnavailableError.
    """
    async with (
        database.connection() as connection,
        connection.cursor(row_factory=record_row(kind)) as cursor,
    ):
        await cursor.execute(statement, facts)
        return await cursor.fetchall()


@cache
def _converters(kind: type[DataclassInstance]) -> Mapping[str, Convert]:
    hints = get_type_hints(kind)
    return {field.name: _converter(hints[field.name]) for field in fields(kind) if field.init}


def _converter(hint: object) -> Convert:
    """Return what turns a column's value into one of the declared type."""
    is_union = get_origin(hint) in {Union, UnionType}
    for wanted in get_args(hint) if is_union else (hint,):
        if isinstance(wanted, type) and issubclass(wanted, StrEnum):
            return _optional(wanted) if is_union else wanted
    return _unchanged


def _optional(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _unchanged(value: Any) -> Any:  # noqa: ANN401 - psycopg has converted the column by its type
    return value
