"""The composition root of the supervisor's process: build, start, announce, wait, stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from admin import keys
from admin.app import Console, build
from admin.rescue import Rescue
from appliance.accounts.service import Accounts
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, DatabaseUnavailableError
from appliance.core.files import private_directory
from appliance.core.log import log_to_file, set_up
from appliance.core.sd_notify import Notifier
from appliance.core.settings import Settings
from appliance.db.pool import Database, conninfo
from appliance.jobs.engine import JobEngine
from appliance.jobs.kinds import Process, available
from appliance.jobs.service import JobService
from appliance.llm.client import ModelRunner
from appliance.schedule.cron import Schedule
from appliance.schedule.works import SupervisorWorks
from appliance.settings.service import OperatorSettings
from appliance.supervisor.control import Surroundings, control_server
from appliance.supervisor.loop import Supervisor
from appliance.supervisor.model import Phase
from appliance.supervisor.motd import LoginMessage
from appliance.units.catalog import Catalog, catalog
from appliance.units.child import ChildProcessDriver
from appliance.units.driver import UnitDriver
from appliance.units.programs import find_programs
from appliance.units.systemd import SystemdDriver
from appliance.web.server import listening

Say = Callable[[str], None]
_CLAIM_ATTEMPTS = 10
# What is worth a line at the start; the reason tells more where there is no word.
_SETTLED = {Phase.READY, Phase.DONE, Phase.STOPPED, Phase.GAVE_UP}
_TOLD = {Phase.READY: "ready", Phase.DONE: "done", Phase.FAILED: "", Phase.GAVE_UP: ""}


async def supervise(settings: Settings, clock: Clock, say: Say) -> None:
    """Run the whole appliance until SIGTERM or Ctrl-C: the package's units, or our children."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    await asyncio.to_thread(_prepare, settings)
    programs = await find_programs(settings)
    applied = programs.applied_to(settings)
    parts = catalog(settings, programs, clock)
    async with AsyncExitStack() as stack:
        driver = await stack.enter_async_context(_driver(settings, parts, clock))
        supervisor = await stack.enter_async_context(
            Supervisor(
                parts.units,
                driver,
                lock=settings.supervisor_lock,
                clock=clock,
                notifier=Notifier(),
            )
        )
        database = await stack.enter_async_context(
            Database(conninfo(settings.database_socket, "cloister"), size=4, wait=2.0)
        )
        accounts = await stack.enter_async_context(
            _console(applied, clock, supervisor, parts, database)
        )
        await stack.enter_async_context(_schedule(applied, clock, database, accounts, supervisor))
        if settings.packaged:
            await stack.enter_async_context(
                LoginMessage(
                    supervisor, accounts.is_claimed, _addresses(applied), settings.motd, clock
                )
            )
        say(f"Cloister, with its data in {settings.home}")
        announcing = asyncio.create_task(
            _announce(applied, clock, supervisor, parts, accounts, say), name="announce"
        )
        await ended.wait()
        announcing.cancel()
        say("Stopping …")
    say("Stopped.")


def _addresses(settings: Settings) -> dict[str, str]:
    """Return where people open the two sites."""
    return {"chat": settings.address, "console": settings.console_address}


def _prepare(settings: Settings) -> None:
    """Make our own folders, and decide where our own log goes.

    The terminal belongs to whoever started us in a clone; packaged, the journal listens.
    """
    if settings.packaged:
        set_up()
        return
    sockets = (settings.console_socket.parent, settings.control_socket.parent)
    for folder in (settings.home, settings.run, settings.logs, *sockets):
        private_directory(folder)
    log_to_file(settings.logs / "supervisor.log")


def _driver(
    settings: Settings, parts: Catalog, clock: Clock
) -> AbstractAsyncContextManager[UnitDriver]:
    if settings.packaged:
        return SystemdDriver(parts.units, clock=clock)
    return ChildProcessDriver(parts.units, run=settings.run, logs=settings.logs, clock=clock)


@asynccontextmanager
async def _console(
    settings: Settings, clock: Clock, supervisor: Supervisor, parts: Catalog, database: Database
) -> AsyncIterator[Accounts]:
    """Serve the console, and the control socket of the command line."""
    rescue = Rescue(clock)
    async with ModelRunner(settings.runner_address) as runner:
        console = build(
            Console(settings, clock, supervisor, parts.absent, database, runner, rescue)
        )
        surroundings = Surroundings(
            parts.absent,
            lambda: rescue.new_code().text,
            partial(console[keys.AUDIT].record, None),
            _addresses(settings),
        )
        alone = None if settings.nginx else (settings.bind, settings.port + 1)
        async with (
            listening(console, settings.console_socket, alone),
            control_server(supervisor, surroundings, settings.control_socket),
        ):
            yield console[keys.ACCOUNTS]


@asynccontextmanager
async def _schedule(
    settings: Settings, clock: Clock, database: Database, accounts: Accounts, supervisor: Supervisor
) -> AsyncIterator[None]:
    """Queue jobs at their times, and run those that are the supervisor's."""
    jobs, kinds = JobService(database, clock), available(packaged=settings.packaged)
    chosen = OperatorSettings(database, settings)
    restart_nginx = partial(supervisor.restart, "nginx")
    works = SupervisorWorks(settings, clock, jobs, chosen, accounts.sweep, restart_nginx)

    def serves(name: str) -> bool:
        serving = {Phase.READY, Phase.DONE}
        return any(unit.name == name and unit.phase in serving for unit in supervisor.units())

    engine = JobEngine(database, clock, Process.SUPERVISOR, kinds, works.table(), serves)
    async with engine, Schedule(jobs, kinds):
        yield


async def _announce(  # noqa: C901 - one line after another, as they are told
    settings: Settings,
    clock: Clock,
    supervisor: Supervisor,
    parts: Catalog,
    accounts: Accounts,
    say: Say,
) -> None:
    """Tell the person at the terminal how the start goes, and what to open."""
    for absent in parts.absent:
        say(f"  {absent.name:12} off: {absent.reason}")
    started = clock.monotonic()
    told: dict[str, Phase] = {}
    async for names in supervisor.subscribe():
        for view in map(supervisor.view, names):
            if view.phase in _TOLD and told.get(view.name) is not view.phase:
                told[view.name] = view.phase
                say(f"  {view.name:12} {_TOLD[view.phase] or view.reason}")
        phases = {view.phase for view in supervisor.units()}
        if supervisor.all_ready or phases <= _SETTLED:
            break
    took = f"after {clock.monotonic() - started:.1f} s"
    say(f"Ready {took}." if supervisor.all_ready else f"Not everything serves {took}; see above.")
    say(f"Chat      {settings.address}/")
    say(f"Console   {settings.console_address}/admin/")
    if settings.packaged:
        # The journal is no place for a code: `cloister claim` prints one to whoever asks.
        return
    try:
        if code := await _claim_code(accounts):
            say("Nobody runs this machine yet. Open this link within an hour, once:")
            say(f"          {settings.console_address}/admin/claim#{code}")
    except ApplianceError as error:
        say(f"{error.message} {error.advice}")
    say("Ctrl-C stops everything.")


async def _claim_code(accounts: Accounts) -> str | None:
    """Return the code for the first operator, or None when there is one already.

    The pool has tried in vain while PostgreSQL started, and its next try may be seconds away.
    """
    for _ in range(_CLAIM_ATTEMPTS):
        with contextlib.suppress(DatabaseUnavailableError):
            if await accounts.is_claimed():
                return None
            return (await accounts.new_claim_code(by="supervisor")).text
    raise DatabaseUnavailableError
