"""Every named query of every feature is one that PostgreSQL can prepare."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import appliance
import webchat
from appliance.db.pool import Database
from appliance.db.queries import Queries
from appliance.retrieval.store import Ranking

_ROOTS = (appliance, webchat)
# What a feature fills into a statement itself: numbers that an index must see as literals, and the
# names of tables that it found in the catalogue of PostgreSQL.
_LITERALS: dict[str, sql.Composable] = {
    name: sql.Literal(number)
    for name, number in asdict(Ranking()).items() | {("dimensions", 256), ("model", 1)}
} | {"table": sql.Identifier("core", "account"), "columns": sql.Identifier("id")}


def _all_queries() -> list[tuple[str, str]]:
    found = []
    for root in _ROOTS:
        folder = Path(str(root.__file__)).parent
        for path in sorted(folder.rglob("queries.sql")):
            package = ".".join((root.__name__, *path.parent.relative_to(folder).parts))
            found += [(package, name) for name in Queries(package).names()]
    return found


@pytest.mark.parametrize(("package", "name"), _all_queries())
async def test_it_can_be_prepared(database: Database, package: str, name: str) -> None:
    text = Queries(package)[name]
    filled = sql.SQL(text).format(**_LITERALS).as_string(None)
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f"${numbers.setdefault(match[1], len(numbers) + 1)}"

    statement = re.sub(r"%\((\w+)\)[sbt]", numbered, filled).replace("%%", "%")
    async with database.connection() as connection:
        try:
            await connection.execute(f"PREPARE checked AS {statement}".encode())
        except psycopg.errors.IndeterminateDatatype as error:
            pytest.fail(f"{package} {name}: {error}")
