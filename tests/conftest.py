"""What every test may ask for: a real PostgreSQL, and an empty migrated database in it.

With pytest-xdist each process has a server of its own.
"""

from __future__ import annotations

import asyncio
import functools
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from types import CodeType
from typing import Any

import certifi
import jinja2
import pytest
from jinja2.bccache import Bucket
from typing_extensions import override

from appliance.accounts.model import Account
from appliance.actors.permissions import Role
from appliance.db.pool import WORK_SECONDS, Database, conninfo
from appliance.db.roles import PROCESS_ROLES
from tests.builders.people import add_person
from tests.machines.requirements import REASON
from tests.postgres import Server, running_server, scratch_folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    # The build of the package has no xdist.
    from tests.scheduling import ScheduleByFile

    return ScheduleByFile(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if REASON is not None:
        terminalreporter.write_line(f"Machine tests were skipped: {REASON}")


class CompiledTemplates(jinja2.BytecodeCache):
    """The code of the sites' templates, compiled once for all applications of this process."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}

    @override
    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    @override
    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def _compile_templates_once() -> Iterator[None]:
    environment = functools.partial(jinja2.Environment, bytecode_cache=CompiledTemplates())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2, "Environment", environment)
        yield


@pytest.fixture(scope="session", autouse=True)
def _read_public_certificates_once() -> Iterator[None]:
    """Each HTTP client reads them, which takes longer than many a test."""
    read = ssl.create_default_context
    read_once = functools.cache(read)

    def create_default_context(*arguments: Any, **options: Any) -> ssl.SSLContext:
        is_public = not arguments and options == {"cafile": certifi.where()}
        return (read_once if is_public else read)(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", create_default_context)
        yield


@pytest.fixture(scope="session", autouse=True)
def _programs_start_with_default_signals() -> None:
    """Have programs that a test starts end on Ctrl-C, also in a run under `nohup` or with `&`.

    A signal that this process ignores is ignored by what it starts, too; one that it handles is
    not. A handler that does nothing keeps this process as deaf to the signal as it was.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server of this process's own, with the schema in a template database."""
    with scratch_folder("cloister-pg-") as folder, running_server(folder) as server:
        asyncio.run(_make_template(server))
        yield server


async def _make_template(server: Server) -> None:
    await server.make_database()
    server.keep_as_template("cloister")


@pytest.fixture
async def own_server() -> AsyncIterator[Server]:
    """A PostgreSQL of one test's own, which it may stop, with the schema in its database."""
    with scratch_folder("cloister-own-") as folder, running_server(folder) as server:
        await server.make_database()
        yield server


@pytest.fixture
def database_name(server: Server) -> Iterator[str]:
    """The name of a fresh database that was cloned from the template."""
    name = server.clone()
    yield name
    server.drop(name)


@pytest.fixture
async def database(server: Server, database_name: str) -> AsyncIterator[Database]:
    """The fresh database as its owner, role `cloister`."""
    address = conninfo(server.socket, "cloister", database=database_name)
    async with Database(address, limit=WORK_SECONDS) as database:
        yield database


@pytest.fixture
async def chat_database(server: Server, database_name: str) -> AsyncIterator[Database]:
    """The same fresh database as the chat server sees it, with that role's rights only."""
    address = conninfo(server.socket, PROCESS_ROLES[0], database=database_name)
    async with Database(address) as database:
        yield database


@pytest.fixture
async def ingest_database(server: Server, database_name: str) -> AsyncIterator[Database]:
    """The same fresh database as the ingest process sees it."""
    address = conninfo(server.socket, PROCESS_ROLES[1], database=database_name)
    async with Database(address, limit=WORK_SECONDS) as database:
        yield database


@pytest.fixture
async def alice(database: Database) -> Account:
    """A member."""
    return await add_person(database, "alice")


@pytest.fixture
async def bob(database: Database) -> Account:
    """Another member."""
    return await add_person(database, "bob")


@pytest.fixture
async def olga(database: Database) -> Account:
    """The operator."""
    return await add_person(database, "olga", Role.OPERATOR)
