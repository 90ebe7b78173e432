"""Runs units as our own children: no orphans, and nothing is left running twice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.files import private_directory
from appliance.core.process import BLOCK, Running, describe_exit, kill_group, spawn
from appliance.probes.process import boot_identity, facts
from appliance.units.driver import HUNG_GRACE
from appliance.units.log_priority import edit_for
from appliance.units.logs import UnitLog
from appliance.units.model import Ending, EndingKind, Kind, Origin, Unit, UnitState, UnitStatus
from appliance.units.observed_units import ObservedUnits
from appliance.units.process_records import Record, Records, end, reap, send

OUTPUT_PATIENCE = 1.0
# How often a record that found no room on the disk is tried again.
RECORD_PAUSE = 5.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Child:
    """A unit that was started and has not ended yet."""

    unit: Unit
    running: Running
    stop_asked: bool = False
    recorded: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class ChildProcessDriver(ObservedUnits):
    """A UnitDriver for machines without systemd. Use it as a context manager.

    Each unit leads a session of its own. When its leader ends, for whatever reason, the rest of
    the session is killed before the end is reported, so that a restart meets no leftovers.
    """

    def __init__(self, units: Sequence[Unit], *, run: Path, logs: Path, clock: Clock) -> None:
        self._clock = clock
        self._logs_folder = logs
        self._order = {unit.name: number for number, unit in enumerate(units)}
        self._logs = {
            unit.name: UnitLog(logs / f"{unit.name}.log", edit=edit_for(unit.log_format))
            for unit in units
        }
        super().__init__(self._logs, clock)
        self._records = Records(run / "units")
        self._children: dict[str, _Child] = {}
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(private_directory, self._logs_folder)
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        for child in self._children.values():
            child.stop_asked = True
            kill_group(child.running.pid)
        await self._tasks.__aexit__(None, None, None)

    @property
    def keeps_units(self) -> bool:
        """Children end with their parent, so that none is left without a supervisor."""
        return False

    async def clean(self) -> tuple[str, ...]:
        """End what a killed supervisor left behind, the last unit of the catalogue first."""
        records = await asyncio.to_thread(self._records.leftovers)
        found = [record.unit for record in records if await end(record, self._clock)]
        await asyncio.to_thread(self._records.clear)
        return tuple(found)

    async def start(self, unit: Unit) -> None:
        """Prepare and start a unit that does not run; what goes wrong is in its status."""
        if self.status(unit.name).state.active:
            return
        self._set(unit.name, UnitState.STARTING)
        try:
            await unit.prepare()
            running = await spawn(
                unit.command, env=unit.environment, cwd=unit.directory, account=unit.account
            )
        except Exception as error:  # noqa: BLE001 - one unit's fault must not end the others
            await self._refuse(unit, error)
            return
        except asyncio.CancelledError:
            self._set(unit.name, UnitState.STOPPED, ending=Ending(EndingKind.START_CANCELED))
            raise
        child = _Child(unit, running)
        self._children[unit.name] = child
        self._tasks.create_task(self._attend(child), name=f"attend {unit.name}")
        await child.recorded.wait()

    async def stop(
        self,
        unit: Unit,
        *,
        again: bool = False,  # noqa: ARG002
        hung: bool = False,
    ) -> None:
        """Stop a unit: its signal, then its grace, its last signal, SIGKILL for its whole group."""
        child = self._children.get(unit.name)
        if child is None:
            if not self.status(unit.name).state.active:
                self._set(unit.name, UnitState.STOPPED)
            return
        grace = min(unit.stop_grace, HUNG_GRACE) if hung else unit.stop_grace
        child.stop_asked = True
        self._set(unit.name, UnitState.STOPPING, pid=child.running.pid)
        send(child.running.pid, unit.stop_signal)
        # A paused process would not see the signal.
        send(child.running.pid, signal.SIGCONT)
        if await _ends_within(child, grace):
            return
        if unit.last_signal is not signal.SIGKILL and not hung:
            send(child.running.pid, unit.last_signal)
            if await _ends_within(child, HUNG_GRACE):
                return
        await self._logs[unit.name].note(f"killed: not ended after {grace:g} s")
        kill_group(child.running.pid)
        await child.ended.wait()

    async def reload(self, unit: Unit) -> None:
        """Let a unit read its files again; one that does not run reads them at its start."""
        if child := self._children.get(unit.name):
            send(child.running.pid, signal.SIGHUP)

    async def _refuse(self, unit: Unit, error: Exception) -> None:
        if not isinstance(error, ApplianceError | OSError):
            logger.error("preparing %s failed", unit.name, exc_info=error)
        await self._logs[unit.name].note(f"could not start: {error}")
        self._set(
            unit.name, UnitState.FAILED, ending=Ending(EndingKind.NOT_PREPARED, detail=str(error))
        )

    def _write_record(self, unit: Unit, pid: int) -> bool:
        """Note a process on disk; False on a full disk, where it runs without a record."""
        if (found := facts(pid)) is None or not found.alive:
            return True
        record = Record(
            unit=unit.name,
            pid=pid,
            start_time=found.start_time,
            boot=boot_identity(),
            order=self._order[unit.name],
            directory=str(unit.directory.resolve()),
            stop_signal=unit.stop_signal,
            stop_grace=unit.stop_grace,
        )
        try:
            self._records.write(record)
        except OSError as error:
            logger.warning("%s runs without a record: %s", unit.name, error)
            return False
        return True

    async def _attend(self, child: _Child) -> None:
        """Wait for the end of a child, and report it only when its session is empty.

        A fault here stops no other unit, and no caller waits for this one for ever.
        """
        name = child.unit.name
        state, ending = UnitState.FAILED, Ending(EndingKind.LOST)
        try:
            code = await self._follow_to_the_end(child)
            state, ending = _state_after(child, code), Ending.of_exit(code)
        except Exception:
            logger.exception("lost track of %s", name)
            kill_group(child.running.pid)
        finally:
            child.recorded.set()
            del self._children[name]
            self._set(name, state, ending=ending)
            child.ended.set()

    async def _follow_to_the_end(self, child: _Child) -> int:
        name, pid = child.unit.name, child.running.pid
        output = asyncio.create_task(self._keep_output(child), name=f"output of {name}")
        ended = asyncio.ensure_future(child.running.process.wait())
        # The record comes first: from the moment a unit counts as running it will be found again.
        recorded = await asyncio.to_thread(self._write_record, child.unit, pid)
        self._set(name, UnitState.RUNNING, pid=pid)
        child.recorded.set()
        while not recorded and not ended.done():
            await asyncio.wait({ended}, timeout=RECORD_PAUSE)
            recorded = await asyncio.to_thread(self._write_record, child.unit, pid)
        code = await ended
        await reap(pid, self._clock)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(output, OUTPUT_PATIENCE)
        child.running.pipe.close()
        await self._logs[name].note(f"{name} {describe_exit(code)}")
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._records.remove, name)
        return code

    async def _keep_output(self, child: _Child) -> None:
        log = self._logs[child.unit.name]
        while block := await child.running.output.read(BLOCK):
            await log.append(block)
        await log.finish()

    def _set(
        self, name: str, state: UnitState, *, pid: int | None = None, ending: Ending | None = None
    ) -> None:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        by_itself = state in {UnitState.FAILED, UnitState.DONE}
        origin = Origin.UNIT if by_itself else Origin.SUPERVISOR
        self._publish_status(name, UnitStatus(state, now, monotonic, pid, ending, origin))


async def _ends_within(child: _Child, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await child.ended.wait()
            return True
    return False


def _state_after(child: _Child, code: int) -> UnitState:
    """Return what an exit means: asked for, done, or a failure."""
    if child.stop_asked:
        return UnitState.STOPPED
    if child.unit.kind is Kind.ONESHOT and code == 0:
        return UnitState.DONE
    return UnitState.FAILED
