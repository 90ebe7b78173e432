"""A cancelled task leaves nothing behind: whatever a store does, its connection serves others."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_type_hints

import psycopg
import pytest
from psycopg.pq import PipelineStatus, TransactionStatus

import appliance
from appliance.core.errors import ApplianceError
from appliance.db.pool import Connection, Database
from tests.builders.samples import sample_call
from tests.cancellation import Moment, cancelled_at_each_wait

_ROOT = Path(str(appliance.__file__)).parent
# Statements that run on a connection of their own, which is closed afterwards.
_WITHOUT_STORE = {"appliance.db", "appliance.probes"}
_PREPARED_AFTER = 5
Work = Callable[[Database], Coroutine[Any, Any, object]]


def _stores() -> Iterator[tuple[str, Any]]:
    """Yield each module that runs the statements of its feature."""
    for path in sorted(_ROOT.rglob("queries.sql")):
        package = ".".join(("appliance", *path.parent.relative_to(_ROOT).parts))
        if package in _WITHOUT_STORE:
            continue
        named = [each for each in path.parent.glob("*.py") if "Queries(" in each.read_text()]
        assert named, f"nothing reads the statements of {package}"
        for each in named:
            name = f"{package}.{each.stem}"
            yield name, importlib.import_module(name)


def _works() -> Iterator[tuple[str, Work]]:
    """Yield every public function of every store, as a function of the database alone."""
    for name, module in _stores():
        for member in vars(module).values():
            if getattr(member, "__module__", None) != name or member.__name__.startswith("_"):
                continue
            if inspect.iscoroutinefunction(member):
                yield f"{name}.{member.__name__}", _function_work(member)
            elif inspect.isclass(member):
                for method, _ in inspect.getmembers(member, inspect.iscoroutinefunction):
                    if not method.startswith("_"):
                        yield f"{name}.{member.__name__}.{method}", _method_work(member, method)


def _function_work(function: Callable[..., Any]) -> Work:
    first = next(iter(inspect.signature(function).parameters))

    async def work(database: Database) -> object:
        if first == "database":
            return await sample_call(function, database)
        async with database.connection() as connection:
            return await sample_call(function, connection)

    return work


def _method_work(kind: Any, method: str) -> Work:
    first = next(iter(get_type_hints(kind.__init__).values()))

    async def work(database: Database) -> object:
        if first is Database:
            return await sample_call(getattr(sample_call(kind, database), method))
        async with database.transaction() as connection:
            return await sample_call(getattr(sample_call(kind, connection), method))

    return work


WORKS = dict(_works())


def test_every_store_is_found() -> None:
    kinds = {name.rsplit(".", 1)[0] for name in WORKS}
    assert {"appliance.retrieval.store", "appliance.accounts.store.AccountStore"} <= kinds
    assert len(WORKS) > 100


@pytest.mark.parametrize("name", WORKS)
async def test_the_next_user_finds_the_connection_as_new(database: Database, name: str) -> None:
    async with Database(database.address, size=1) as small:
        # psycopg prepares a statement that it has run so often, and sends it in another way then.
        for _ in range(_PREPARED_AFTER + 1):
            with suppress(psycopg.Error, ApplianceError):
                await WORKS[name](small)
        for moment in Moment:
            async for wait in cancelled_at_each_wait(lambda: WORKS[name](small), moment):
                for tuning in (None, *small._tuned):
                    async with small.connection(tuning) as connection:
                        assert _is_new(connection), f"cancelled {moment} at wait {wait}"
                        assert await _answer(connection) == 42
                    async with small.connection(tuning) as connection, connection.transaction():
                        assert await _answer(connection) == 42


def _is_new(connection: Connection) -> bool:
    state = connection.pgconn
    return (state.transaction_status, state.pipeline_status) == (
        TransactionStatus.IDLE,
        PipelineStatus.OFF,
    )


async def _answer(connection: Connection) -> object:
    cursor = await connection.execute("SELECT %s", (42,))
    row = await cursor.fetchone()
    return row[0] if row else None
