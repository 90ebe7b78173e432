"""The composition root of the supervisor's process: build, start, announce, wait, stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from aiohttp import web

from admin import keys
from admin.app import Console, build
from admin.rescue import Rescue
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine, System
from appliance.control.keys import Surroundings
from appliance.control.server import control_server
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, Audience, DatabaseUnavailableError
from appliance.core.files import private_directory
from appliance.core.log import log_to_file, set_up
from appliance.core.sd_notify import Notifier
from appliance.core.settings import Settings
from appliance.core.signals import on_signals
from appliance.core.version import read_version
from appliance.db.pool import Database, conninfo
from appliance.health.login_message import LoginMessage
from appliance.health.publisher import HealthPublisher, RunnerConditionFile, Sink, StatusLine
from appliance.health.seen import runner_condition, seen_in_process
from appliance.health.service import HealthService
from appliance.jobs.engine import JobEngine
from appliance.jobs.kinds import Process, available
from appliance.llm.client import ModelRunner
from appliance.llm.condition import KnowCondition, RunnerCondition
from appliance.schedule.cron import Schedule
from appliance.schedule.works import SupervisorWorks
from appliance.services import Services, build_services
from appliance.supervisor.loop import Supervisor
from appliance.supervisor.model import Phase
from appliance.units.catalog import Catalog, catalog
from appliance.units.child import ChildProcessDriver
from appliance.units.driver import UnitDriver
from appliance.units.programs import find_programs
from appliance.units.systemd import SystemdDriver
from appliance.web.server import listening

Say = Callable[[str], None]
_CLAIM_ATTEMPTS = 10


async def supervise(settings: Settings, clock: Clock, say: Say) -> None:
    """Run the whole appliance until SIGTERM or Ctrl-C: the package's units, or our children."""
    ended = asyncio.Event()
    on_signals((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), ended.set)
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
        know = _condition(applied, parts, supervisor)
        runner = await stack.enter_async_context(ModelRunner(applied.runner_address, know=know))
        services = build_services(applied, database, runner, clock, Passwords())
        console = await stack.enter_async_context(
            _sites(applied, clock, supervisor, parts, services)
        )
        await stack.enter_async_context(_schedule(applied, clock, services, supervisor))
        sinks = _sinks(applied, know, services)
        await stack.enter_async_context(
            HealthPublisher(console[keys.HEALTH], supervisor.subscribe, sinks, clock)
        )
        say(f"Cloister, with its data in {settings.home}")
        announcing = asyncio.create_task(
            _announce(applied, supervisor, parts, console, say), name="announce"
        )
        await ended.wait()
        announcing.cancel()
        say("Stopping …")
    say("Stopped.")


def _sinks(settings: Settings, know: KnowCondition, services: Services) -> list[Sink]:
    """Return where the health of the machine is published."""
    sinks: list[Sink] = [
        StatusLine(Notifier()),
        RunnerConditionFile(settings.runner_condition, know),
    ]
    if settings.packaged:
        is_claimed = services.accounts.is_claimed
        sinks.append(LoginMessage(is_claimed, _addresses(settings), settings.motd))
    return sinks


def _condition(settings: Settings, parts: Catalog, supervisor: Supervisor) -> KnowCondition:
    """Return a function that says how the supervisor sees the model runner."""

    async def know() -> RunnerCondition:
        seen = seen_in_process(supervisor.units(), parts.absent)
        return runner_condition(seen, elsewhere=settings.ollama_url is not None)

    return know


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
    published = settings.runner_condition.parent
    for folder in (settings.home, settings.run, settings.logs, *sockets, published):
        private_directory(folder)
    log_to_file(settings.logs / "supervisor.log")


def _driver(
    settings: Settings, parts: Catalog, clock: Clock
) -> AbstractAsyncContextManager[UnitDriver]:
    if settings.packaged:
        return SystemdDriver(parts.units, clock=clock)
    return ChildProcessDriver(parts.units, run=settings.run, logs=settings.logs, clock=clock)


@asynccontextmanager
async def _sites(
    settings: Settings, clock: Clock, supervisor: Supervisor, parts: Catalog, services: Services
) -> AsyncIterator[web.Application]:
    """Serve the console, and the control socket of the command line."""
    rescue, version = Rescue(clock), await read_version()
    console = build(Console(settings, clock, supervisor, parts.absent, services, rescue, version))
    surroundings = Surroundings(
        parts.absent,
        lambda: rescue.new_code().text,
        partial(console[keys.AUDIT].note, CommandLine()),
        partial(_report, console[keys.HEALTH]),
        _addresses(settings),
    )
    alone = None if settings.nginx else (settings.bind, settings.port + 1)
    async with (
        listening(console, [settings.console_socket], alone),
        control_server(supervisor, services, surroundings, settings.control_socket),
    ):
        yield console


async def _report(service: HealthService) -> dict[str, object]:
    return (await service.current()).as_json()


@asynccontextmanager
async def _schedule(
    settings: Settings, clock: Clock, services: Services, supervisor: Supervisor
) -> AsyncIterator[None]:
    """Queue jobs at their times, and run those that are the supervisor's."""
    jobs, kinds = services.jobs, available(packaged=settings.packaged)
    restart_nginx = partial(supervisor.restart, "nginx", System.phrase)
    works = SupervisorWorks(
        settings, clock, jobs, services.operator_settings, services.accounts.sweep, restart_nginx
    )

    def serves(name: str) -> bool:
        return supervisor.view(name).phase.is_healthy

    engine = JobEngine(services.database, clock, Process.SUPERVISOR, kinds, works.table(), serves)
    async with engine, Schedule(jobs, kinds):
        yield


async def _announce(
    settings: Settings,
    supervisor: Supervisor,
    parts: Catalog,
    console: web.Application,
    say: Say,
) -> None:
    """Tell the person at the terminal how the start goes, and what to open."""
    for absent in parts.absent:
        say(f"  {absent.name:12} off: {absent.reason}")
    clock = console[keys.CLOCK]
    started = clock.monotonic()
    await _announce_services(supervisor, say)
    health = await console[keys.HEALTH].current()
    took = f"after {clock.monotonic() - started:.1f} s"
    say(f"Ready {took}." if health.is_ready else f"Not ready {took}: {health.headline}.")
    for problem in health.problems:
        say(f"  {problem.state}: {problem.sentence}")
    if not _say_addresses(settings, supervisor, say):
        return
    if settings.packaged:
        # The journal is no place for a code: `cloister claim` prints one for the operator.
        return
    try:
        if code := await _claim_code(console[keys.ACCOUNTS]):
            say("Nobody runs this machine yet. Open this link within an hour, once:")
            say(f"          {settings.console_address}/admin/claim#{code}")
    except ApplianceError as error:
        words = error.words_for(Audience.COMMAND_LINE)
        say(f"{words.sentence} {words.hint}")
    say("Ctrl-C stops everything.")


def _say_addresses(settings: Settings, supervisor: Supervisor, say: Say) -> bool:
    """Say what to open; return False when another program may answer at the console's address."""
    front = "nginx" if settings.nginx else "webchat@1"
    serves = supervisor.view(front).phase.is_healthy
    if serves:
        say(f"Chat      {settings.address}/")
    if serves or not settings.nginx:
        say(f"Console   {settings.console_address}/admin/")
        return True
    say(f"There is no address to open: {front} does not serve. Ctrl-C stops everything.")
    return False


async def _announce_services(supervisor: Supervisor, say: Say) -> None:
    """Say which service became ready or failed, until all are settled."""
    told: dict[str, Phase] = {}
    async for names in supervisor.subscribe():
        for view in map(supervisor.view, names):
            is_news = view.phase.is_healthy or view.phase.is_broken
            if is_news and told.get(view.name) is not view.phase:
                told[view.name] = view.phase
                say(f"  {view.name:12} {view.phase if view.phase.is_healthy else view.reason}")
        if supervisor.all_ready or all(view.phase.is_settled for view in supervisor.units()):
            return


async def _claim_code(accounts: Accounts) -> str | None:
    """Return the code for the first operator, or None when there is one already.

    The pool has tried in vain while PostgreSQL started, and its next try may be seconds away.
    """
    for _ in range(_CLAIM_ATTEMPTS):
        with contextlib.suppress(DatabaseUnavailableError):
            if await accounts.is_claimed():
                return None
            return (await accounts.new_claim_code(System())).text
    raise DatabaseUnavailableError
