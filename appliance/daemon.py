"""The composition root of the supervisor's process: build, start, announce, wait, stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from aiohttp import web

from admin import keys
from admin.app import Console, build
from admin.rescue import Rescue
from appliance.accounts.secrets import Passwords
from appliance.actors.model import CommandLine
from appliance.announcement import Announcement, Say
from appliance.audit.anchor import AnchorFile
from appliance.audit.keeper import AuditKeeper
from appliance.audit.report import write_report
from appliance.control.keys import Surroundings
from appliance.control.server import control_server
from appliance.core import slow_callbacks
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.files import HomeUnusableError, private_directory
from appliance.core.log import log_to_file, set_up
from appliance.core.sd_notify import Notifier
from appliance.core.settings import Settings
from appliance.core.signals import on_signals
from appliance.core.start_settings import read_values, use_time_zone
from appliance.core.version import read_version
from appliance.db.pool import Database, conninfo
from appliance.health.login_message import LoginMessage
from appliance.health.publisher import ConditionFile, HealthPublisher, Sink, StatusLine
from appliance.health.seen import reader_condition, runner_condition, seen_in_process
from appliance.health.service import HealthService
from appliance.jobs.engine import JobEngine
from appliance.jobs.kinds import BACKUP_KINDS, Process, available
from appliance.library.reader_condition import KnowReader, ReaderCondition
from appliance.llm.client import ModelRunner
from appliance.llm.condition import KnowCondition, RunnerCondition
from appliance.operations.catalog import TLS
from appliance.operations.child import ChildOperations
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.operations.systemd import SystemdOperations
from appliance.schedule.acme_works import AcmeSchedule, AcmeWorks
from appliance.schedule.backup_times import BackupSchedule
from appliance.schedule.backup_works import BackupWorks
from appliance.schedule.certificate_times import CertificateSchedule
from appliance.schedule.cron import Schedule
from appliance.schedule.works import SupervisorWorks
from appliance.services import Services, build_services
from appliance.settings.starting import StartSettings
from appliance.settings.trialled import put_back
from appliance.setup.front import served_fingerprint
from appliance.supervisor.loop import Supervisor
from appliance.tls.addresses import reachable
from appliance.tls.start import ensure_at_start
from appliance.tls.web_server import Nginx
from appliance.trial.model import TrialKind
from appliance.trial.service import Trials
from appliance.units.catalog import Catalog, catalog
from appliance.units.child import ChildProcessDriver
from appliance.units.driver import UnitDriver
from appliance.units.programs import find_programs
from appliance.units.systemd import SystemdDriver
from appliance.web.server import listening

_ANSWER_SECONDS = 0.3


async def supervise(read: Callable[[], Settings], clock: Clock, say: Say) -> None:
    """Run the whole appliance until SIGTERM or Ctrl-C: the package's units, or our children.

    `read` returns the settings: once at the start, and again after each change of those that the
    start needs. Children then start again; units of the package that use such a setting do.
    """
    ended = asyncio.Event()
    on_signals((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), ended.set)
    while not ended.is_set():
        settings = await asyncio.to_thread(read)
        try:
            await _supervise_with(settings, clock, say, ended)
        except (ApplianceError, OSError) as error:
            if not await _undo_trial(settings, clock):
                raise
            say(f"Cloister does not start with settings on trial, which are undone: {error}")
    say("Stopped.")


async def _undo_trial(settings: Settings, clock: Clock) -> bool:
    """Undo settings on trial with which the supervisor itself cannot start, if there are any."""
    put_back_in = partial(put_back, StartSettings(settings, clock))
    trials = Trials(settings.state, clock, {TrialKind.SETTINGS: put_back_in})
    await trials.load()
    trial = trials.current()
    if trial is None or trial.kind is not TrialKind.SETTINGS:
        return False
    await trials.undo_now()
    return True


async def _supervise_with(settings: Settings, clock: Clock, say: Say, ended: asyncio.Event) -> None:
    """Run the appliance with these settings until it ends, or needs others."""
    use_time_zone(settings.time_zone)
    await asyncio.to_thread(_prepare, settings)
    programs = await find_programs(settings)
    applied = programs.applied_to(settings)
    values = await asyncio.to_thread(read_values, settings.start_file)
    parts = catalog(settings, programs, clock).configured(values)
    async with AsyncExitStack() as stack:
        stack.callback(slow_callbacks.watch())
        operations = await stack.enter_async_context(_operations(applied, clock))
        if applied.https:
            # Nginx does not start without a certificate.
            ask = partial(operations.run, TLS, follower=NoFollower())
            await ensure_at_start(applied, clock, ask)
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
        socket = applied.nginx_tls_socket
        web_server = Nginx(supervisor, socket, clock) if applied.nginx else None
        services = build_services(
            applied,
            database,
            runner,
            clock,
            Passwords(),
            operations,
            web_server=web_server,
        )
        await stack.enter_async_context(_following(services))
        console = await stack.enter_async_context(
            _sites(applied, clock, supervisor, parts, services)
        )
        await stack.enter_async_context(_schedule(applied, clock, services, supervisor))
        sinks = _sinks(applied, know, _reader(parts, supervisor), services)
        await stack.enter_async_context(
            HealthPublisher(console[keys.HEALTH], supervisor.subscribe, sinks, clock)
        )
        say(f"Cloister, with its data in {settings.home}")
        announcement = Announcement(
            applied, supervisor, parts.absent, console[keys.HEALTH], services.accounts, clock, say
        )
        announcing = asyncio.create_task(announcement.run(), name="announce the start")
        await _end_or_restart(ended, services.start.restart)
        announcing.cancel()
        supervisor.comes_back = not ended.is_set()
        if supervisor.comes_back:
            say("Settings were changed; starting again …")
            # The answer to the request that changed them is on its way.
            await clock.sleep(_ANSWER_SECONDS)
        else:
            say("Stopping …")


async def _end_or_restart(ended: asyncio.Event, restart: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in (ended, restart)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


@asynccontextmanager
async def _following(services: Services) -> AsyncIterator[None]:
    """Follow what operators set, and end trials, while the block runs."""
    # Before anything else may write the file that a trial has changed.
    await services.trials.load()
    async with services.live:
        tasks = [
            asyncio.create_task(services.trials.run(), name="trials"),
            asyncio.create_task(services.changes.follow(), name="file of the start"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _sinks(
    settings: Settings, know: KnowCondition, know_reader: KnowReader, services: Services
) -> list[Sink]:
    """Return where the health of the machine is published."""
    sinks: list[Sink] = [
        StatusLine(Notifier()),
        ConditionFile(settings.runner_condition, know),
        ConditionFile(settings.reader_condition, know_reader),
    ]
    if settings.packaged:
        is_claimed = services.accounts.is_claimed
        sinks.append(LoginMessage(is_claimed, partial(_addresses, settings), settings.motd))
    return sinks


def _condition(settings: Settings, parts: Catalog, supervisor: Supervisor) -> KnowCondition:
    """Return a function that says how the supervisor sees the model runner."""

    async def know() -> RunnerCondition:
        seen = seen_in_process(supervisor.units(), parts.absent)
        return runner_condition(seen, elsewhere=settings.ollama_url is not None)

    return know


def _reader(parts: Catalog, supervisor: Supervisor) -> KnowReader:
    """Return a function that says how the supervisor sees the document reader."""

    async def know() -> ReaderCondition | None:
        return reader_condition(seen_in_process(supervisor.units(), parts.absent))

    return know


def _addresses(settings: Settings) -> dict[str, str]:
    """Return where people open the two sites, also on other computers."""
    found = reachable(settings)
    return {"chat": found.address, "console": found.console_address}


def _prepare(settings: Settings) -> None:
    """Make the supervisor's own folders, and decide where its own log goes.

    Packaged, that is the journal. In a clone, the terminal is for the person who started it.
    Raises HomeUnusableError.
    """
    if settings.packaged:
        set_up()
        return
    sockets = (settings.console_socket.parent, settings.control_socket.parent)
    published = settings.runner_condition.parent
    try:
        for folder in (settings.home, settings.run, settings.logs, *sockets, published):
            private_directory(folder)
        log_to_file(settings.logs / "supervisor.log")
    except OSError as error:
        raise HomeUnusableError(path=error.filename, reason=error.strerror) from error


def _driver(
    settings: Settings, parts: Catalog, clock: Clock
) -> AbstractAsyncContextManager[UnitDriver]:
    if settings.packaged:
        return SystemdDriver(parts.units, clock=clock)
    return ChildProcessDriver(parts.units, run=settings.run, logs=settings.logs, clock=clock)


@asynccontextmanager
async def _operations(settings: Settings, clock: Clock) -> AsyncIterator[OperationRunner]:
    """Lend what carries out operations: units of systemd, or our children, which end with us."""
    if settings.packaged:
        yield OperationRunner(settings.operations, SystemdOperations(clock), clock)
        return
    async with ChildOperations(settings) as starter:
        yield OperationRunner(settings.operations, starter, clock)


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
        partial(services.audit.note, CommandLine()),
        partial(_report, console[keys.HEALTH]),
        partial(_addresses, settings),
        partial(served_fingerprint, settings),
    )
    alone = None if settings.nginx else (settings.bind, settings.port + 1)
    async with (
        listening(console, [settings.console_socket], alone),
        control_server(supervisor, services, surroundings, settings.control_socket),
    ):
        yield console


def _keeper(
    settings: Settings, clock: Clock, services: Services, is_migrated: Callable[[], bool]
) -> AuditKeeper:
    """Return what keeps the anchor of the audit, and adds what was noted in an outage."""

    async def verify() -> None:
        report = await services.verifier.verify()
        await asyncio.to_thread(write_report, settings.state, report)

    anchors = AnchorFile(settings.state)
    return AuditKeeper(services.database, anchors, services.audit, clock, verify, is_migrated)


async def _report(service: HealthService) -> dict[str, object]:
    return (await service.current()).as_json()


@asynccontextmanager
async def _schedule(
    settings: Settings, clock: Clock, services: Services, supervisor: Supervisor
) -> AsyncIterator[None]:
    """Queue jobs at their times, and run those that are the supervisor's."""
    jobs, kinds, operations = (
        services.jobs,
        available(https=settings.https),
        services.operations,
    )
    chosen, accounts = services.operator_settings, services.accounts
    works = SupervisorWorks(
        settings,
        clock,
        jobs,
        chosen,
        services.audit,
        services.verifier,
        accounts.sweep,
        services.certificates,
        services.setup_check,
    )
    backups = BackupWorks(settings, clock, jobs, chosen, services.runner, operations)
    table = {**works.table(), **backups.table(), **AcmeWorks(services.acme).table()}
    certificates = CertificateSchedule(clock, jobs, services.certificates)
    acme = AcmeSchedule(clock, jobs, services.acme)

    def serves(name: str) -> bool:
        return any(unit.name == name and unit.phase.is_healthy for unit in supervisor.units())

    engine = JobEngine(services.database, clock, Process.SUPERVISOR, kinds, table, serves)
    times = BackupSchedule(clock, settings, jobs, chosen, operations, accounts.is_claimed)
    others = [kind for kind in kinds if kind not in BACKUP_KINDS]
    keeper = _keeper(settings, clock, services, partial(serves, "migrate"))
    async with (
        engine,
        Schedule(jobs, others) as schedule,
        times,
        certificates,
        acme,
        keeper,
    ):

        def use_zone(name: str) -> None:
            use_time_zone(name)
            schedule.use_zone(name)

        services.live.use_zone = use_zone
        use_zone(settings.time_zone)
        try:
            yield
        finally:
            # Before the engine ends its jobs: what has a unit of its own goes on.
            operations.leaving = True
