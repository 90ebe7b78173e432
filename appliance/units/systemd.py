"""Runs units as services of systemd, which goes on with them when we end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.process import Command
from appliance.units.bus import JOB, MANAGER, PROPERTIES, ROOT, SYSTEM_BUS, SYSTEMD, Bus, Signal
from appliance.units.driver import HUNG_GRACE
from appliance.units.errors import SystemBusError, SystemdRefusedError
from appliance.units.journal import Journal
from appliance.units.log_buffer import LogBuffer
from appliance.units.model import Ending, EndingKind, Unit, UnitState, UnitStatus
from appliance.units.observed_units import ObservedUnits
from appliance.units.systemd_unit import ObservedState, OwnJob, SystemdUnit

RECONNECT_PAUSE = 1.0
# How long an action waits for a bus that has just gone away.
BUS_PATIENCE = 10.0
# A stop that was refused is not tried again at once.
REFUSED_PAUSE = 5.0

logger = logging.getLogger(__name__)


def service_of(name: str) -> str:
    """Return the name of a unit's service."""
    return f"cloister-{name}.service"


class SystemdDriver(ObservedUnits):
    """A UnitDriver for machines with systemd, as an account without privileges.

    Use it as a context manager: entering connects to the system bus and reads every unit, so
    that all states are known from the start; leaving touches no unit. polkit decides what may be
    started and stopped. `program` is what follows the journal, `address` another bus.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        *,
        clock: Clock,
        address: str = SYSTEM_BUS,
        program: Command = ("journalctl",),
    ) -> None:
        self._clock = clock
        self._address = address
        self._units = {unit.name: SystemdUnit(unit) for unit in units}
        self._services = {service_of(name): name for name in self._units}
        self._paths: dict[str, str] = {}
        super().__init__({name: LogBuffer() for name in self._units}, clock)
        by_service = {service_of(name): buffer for name, buffer in self._buffers.items()}
        self._journal = Journal(by_service, program=program, clock=clock)
        self._new_jobs: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._tasks = asyncio.TaskGroup()
        self._background: list[asyncio.Task[None]] = []
        self._bus: Bus | None = None
        self._connected = asyncio.Event()
        self._reload = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._connect(first=True)
        await self._tasks.__aenter__()
        for work in (
            self._stay_connected(),
            self._read_after_reloads(),
            self._read_job_types(),
            self._journal.follow(),
        ):
            self._background.append(self._tasks.create_task(work, name="systemd"))
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._background:
            task.cancel()
        await self._tasks.__aexit__(None, None, None)
        if self._bus:
            self._bus.close()
            await self._bus.closed()

    @property
    def keeps_units(self) -> bool:
        """The units belong to systemd: they go on without us."""
        return True

    async def clean(self) -> tuple[str, ...]:
        """Stop instances that the settings no longer ask for; everything else is taken over.

        One that was started all the same has failed by now, and is forgotten.
        """
        templates = {name.partition("@")[0] for name in self._units if "@" in name}
        patterns = [service_of(f"{template}@*") for template in sorted(templates)]
        if not patterns:
            return ()
        bus = await self._bus_now()
        call = (MANAGER, "ListUnitsByPatterns")
        (found,) = await bus.call(ROOT, call, "asas", ([], patterns))
        surplus = tuple(service for service, *_ in found if service not in self._services)
        for service in surplus:
            with contextlib.suppress(SystemdRefusedError):
                await bus.call(ROOT, (MANAGER, "StopUnit"), "ss", (service, "replace"))
                await bus.call(ROOT, (MANAGER, "ResetFailedUnit"), "s", (service,))
        return surplus

    async def start(self, unit: Unit) -> None:
        """Start a unit that does not run; return when it runs or its start has ended.

        `prepare` is not called: the unit's own process does that, with its own rights.
        """
        if self.status(unit.name).state.active:
            return
        observed = self._units[unit.name]
        observed.ask_for_start()
        self._publish(observed)
        try:
            await self._start(observed)
        except ApplianceError as error:
            words = f"{error.message} {error.advice}"
            observed.refused = Ending(EndingKind.REFUSED, detail=words)
            self._note(unit.name, f"start refused: {words}")
        finally:
            observed.asking = False
            self._publish(observed)

    async def stop(
        self,
        unit: Unit,
        *,
        again: bool = False,
        hung: bool = False,
    ) -> None:
        """Stop a unit and everything it started; systemd sends SIGKILL at the end.

        The unit file says when; one that hangs is killed before. A unit that starts again keeps the
        sockets that are part of it: its callers wait in them. But a proxy may be what hangs.
        """
        self.status(unit.name)
        keeps_sockets = again and not (hung and unit.behind_proxy)
        mode = "ignore-dependencies" if keeps_sockets else "replace"
        try:
            job = await self._ask("StopUnit", unit.name, stops=True, mode=mode)
            if hung:
                await self._kill_after_grace(unit.name, job)
            await job.result
        except ApplianceError as error:
            self._note(unit.name, f"stop refused: {error.message} {error.advice}")
            await self._clock.sleep(REFUSED_PAUSE)

    async def reload(self, unit: Unit) -> None:
        """Let a unit read its files again; one that does not run reads them at its start.

        The signal goes to the main process. A reload of the unit file would need a further right.
        Raises SystemBusError and SystemdRefusedError.
        """
        if self.status(unit.name).state is not UnitState.RUNNING:
            return
        bus = await self._bus_now()
        kill = (MANAGER, "KillUnit")
        await bus.call(ROOT, kill, "ssi", (service_of(unit.name), "main", signal.SIGHUP))

    async def _kill_after_grace(self, name: str, job: OwnJob) -> None:
        """End all processes of a unit that does not stop; its stop goes on by itself then.

        It also goes on when systemd refuses: the unit file ends it later.
        """
        ended: asyncio.Future[Any] = job.result
        if (await asyncio.wait({ended}, timeout=HUNG_GRACE))[0]:
            return
        kill = (MANAGER, "KillUnit")
        try:
            bus = await self._bus_now()
            await bus.call(ROOT, kill, "ssi", (service_of(name), "all", signal.SIGKILL))
        except ApplianceError as error:
            self._note(name, f"kill refused: {error.message} {error.advice}")
        else:
            self._note(name, f"killed: not ended after {HUNG_GRACE:g} s")

    async def _start(self, observed: SystemdUnit) -> None:
        name = observed.unit.name
        if observed.properties.active == "failed":
            # The limit of starts in a unit file is not ours; without the right to it we go on.
            with contextlib.suppress(SystemdRefusedError):
                bus = await self._bus_now()
                await bus.call(ROOT, (MANAGER, "ResetFailedUnit"), "s", (service_of(name),))
        method = "RestartUnit" if observed.needs_restart else "StartUnit"
        job = await self._ask(method, name, stops=False)
        # Long work, or a slow program, is watched from outside as soon as it runs.
        running = asyncio.ensure_future(observed.up.wait())
        ended: asyncio.Future[Any] = job.result
        try:
            await asyncio.wait({ended, running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            running.cancel()

    async def _ask(self, method: str, name: str, *, stops: bool, mode: str = "replace") -> OwnJob:
        """Ask for a job; it is known as ours before any signal about it arrives."""
        observed = self._units[name]
        before = frozenset(observed.foreign_jobs)
        taken: list[OwnJob] = []

        def take(body: list[Any]) -> None:
            taken.append(observed.job_taken(body[0], stops=stops, before=before))

        bus = await self._bus_now()
        await bus.call(ROOT, (MANAGER, method), "ss", (service_of(name), mode), then=take)
        return taken[0]

    async def _bus_now(self) -> Bus:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BUS_PATIENCE):
                await self._connected.wait()
        if self._bus is None:
            raise SystemBusError(problem="it has gone away")
        return self._bus

    async def _connect(self, *, first: bool) -> None:
        """Connect, subscribe, and only then read, so that nothing is missed between."""
        bus = await Bus.connect(self._address, self._receive)
        try:
            for member in ("JobNew", "JobRemoved", "Reloading"):
                await bus.listen(path=ROOT, interface=MANAGER, member=member)
            await bus.call(ROOT, (MANAGER, "Subscribe"))
            for observed in self._units.values():
                await self._attach(bus, observed, first=first)
        except BaseException:
            bus.close()
            raise
        self._bus = bus
        self._connected.set()

    async def _attach(self, bus: Bus, observed: SystemdUnit, *, first: bool) -> None:
        service = service_of(observed.unit.name)
        (path,) = await bus.call(ROOT, (MANAGER, "LoadUnit"), "s", (service,))
        self._paths[path] = observed.unit.name
        await bus.listen(path=path, interface=PROPERTIES, member="PropertiesChanged")
        await self._read(bus, path, observed, first=first)

    async def _read(self, bus: Bus, path: str, observed: SystemdUnit, *, first: bool) -> None:
        """Read all properties of a unit; an empty interface name means all interfaces."""

        def take(body: list[Any]) -> None:
            (values,) = body
            number, job = values.get("Job", (0, "/"))
            read = observed.first_read if first else observed.read_again
            read(values, job if number else None)
            self._publish(observed)

        await bus.call(path, (PROPERTIES, "GetAll"), "s", ("",), then=take)

    async def _stay_connected(self) -> None:
        while True:
            if self._bus:
                await self._bus.closed()
                logger.warning("the connection to systemd has ended; connecting again")
                self._bus = None
                self._connected.clear()
                for observed in self._units.values():
                    observed.lose()
            try:
                await self._connect(first=False)
                logger.info("connected to systemd again")
            except ApplianceError as error:
                logger.debug("no connection to systemd: %s", error)
                await self._clock.sleep(RECONNECT_PAUSE)

    async def _read_after_reloads(self) -> None:
        """Read every unit again when systemd has read its unit files again."""
        while True:
            await self._reload.wait()
            self._reload.clear()
            with contextlib.suppress(ApplianceError):
                bus = await self._bus_now()
                for path, name in self._paths.items():
                    await self._read(bus, path, self._units[name], first=False)

    def _receive(self, signal: Signal) -> None:
        """Take in a signal. The library calls this in the order in which systemd sent them."""
        match signal.member, signal.body:
            case "PropertiesChanged", [interface, values, *_] if signal.path in self._paths:
                observed = self._units[self._paths[signal.path]]
                # The properties of the service come first, and those of the unit last.
                complete = interface == f"{SYSTEMD}.Unit"
                observed.update(values, complete=complete)
                if complete:
                    self._publish(observed)
            case "JobNew", [_, job, service] if service in self._services:
                self._take_job(service, partial(SystemdUnit.job_begun, job=job))
                self._new_jobs.put_nowait((service, job))
            case "JobRemoved", [_, job, service, result] if service in self._services:
                self._take_job(service, partial(SystemdUnit.job_ended, job=job, result=result))
            case "Reloading", [False]:
                self._reload.set()
            case _:
                pass

    def _take_job(self, service: str, take: partial[None]) -> None:
        observed = self._units[self._services[service]]
        take(observed)
        self._publish(observed)

    async def _read_job_types(self) -> None:
        """Ask what each new job does; an answer that comes too late, or not at all, is no error."""
        while True:
            service, job = await self._new_jobs.get()
            observed = self._units[self._services[service]]
            with contextlib.suppress(ApplianceError):
                bus = await self._bus_now()
                take = partial(_take_type, observed, job)
                await bus.call(job, (PROPERTIES, "Get"), "ss", (JOB, "JobType"), then=take)

    def _publish(self, observed: SystemdUnit) -> None:
        """Publish a unit's state when it has changed."""
        name, before = observed.unit.name, self._statuses[observed.unit.name]
        new = observed.observe()
        known = ObservedState(
            before.state, before.pid, before.ending, before.origin, before.revivals
        )
        if new == known:
            return
        since = self._clock.now()
        if new.state is UnitState.RUNNING and observed.properties.started:
            since = datetime.fromtimestamp(observed.properties.started / 1_000_000, UTC)
        status = UnitStatus(
            new.state,
            since,
            self._clock.monotonic(),
            new.pid,
            new.ending,
            new.origin,
            new.revivals,
        )
        self._publish_status(name, status)

    def _note(self, name: str, sentence: str) -> None:
        logger.warning("%s: %s", name, sentence)
        self._buffers[name].publish(f"cloister: {sentence}")


def _take_type(observed: SystemdUnit, job: str, body: list[Any]) -> None:
    observed.job_typed(job, body[0])
