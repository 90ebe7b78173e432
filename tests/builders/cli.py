"""Verbs of the command line inside a test, and the sockets that they ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from appliance.audit.model import AuditEvent
from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.cli.parser import build as build_parser
from appliance.control.keys import Surroundings
from appliance.control.server import control_server
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.llm.client import ModelRunner
from appliance.operations.runner import OperationRunner
from appliance.services import Services, build_services
from appliance.supervisor.loop import Supervisor
from appliance.web.server import listening
from tests.builders.health import healthy
from tests.builders.people import FAST_PASSWORDS
from tests.builders.services import services_of
from tests.fakes.operations import FakeOperations
from tests.fakes.units import FakeUnits
from webchat.app import build as build_chat

ADDRESSES = {"chat": "https://cloister.test", "console": "https://cloister.test"}


async def run_verb(context: Context, *words: str) -> ExitCode:
    """Run a verb as it is typed after `cloister`."""
    options = build_parser(words[0]).parse_args(words)
    options.prepare(options)
    return cast("ExitCode", await options.verb(context, options))


@asynccontextmanager
async def running_sockets(
    settings: Settings, database: Database, chat_database: Database, *, as_json: bool = False
) -> AsyncIterator[Context]:
    """Serve a chat server and the control socket, and lend a context that reaches both."""
    for socket in (settings.command_socket(1), settings.control_socket):
        socket.parent.mkdir(parents=True, exist_ok=True)
    chat_pool = Database(chat_database.address)
    chat = build_chat(settings, SystemClock(), 1, chat_pool, FAST_PASSWORDS, "0")
    async with (
        listening(chat, [settings.command_socket(1)]),
        serving_control(settings, services_of(database)),
    ):
        yield Context(settings, SystemClock(), Output(as_json=as_json))


@asynccontextmanager
async def asking_operations(
    settings: Settings, database: Database, operations: FakeOperations, models: ModelRunner
) -> AsyncIterator[Context]:
    """Lend a context that prints JSON; the supervisor that it asks has fake operations."""
    clock = SystemClock()
    runner = OperationRunner(settings.operations, operations, clock)
    services = build_services(settings, database, models, clock, FAST_PASSWORDS, runner)
    async with serving_control(settings, services):
        yield Context(settings, clock, Output(as_json=True))


@asynccontextmanager
async def serving_control(settings: Settings, services: Services) -> AsyncIterator[None]:
    """Serve the control socket with these services, and a supervisor that only listens."""
    settings.control_socket.parent.mkdir(parents=True, exist_ok=True)
    async with control_server(
        cast("Supervisor", FakeUnits()),
        services,
        Surroundings((), lambda: "code", _no_record, healthy, lambda: ADDRESSES),
        settings.control_socket,
    ):
        yield


async def _no_record(_event: AuditEvent) -> None:
    pass
