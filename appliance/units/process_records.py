"""Which processes are ours, on disk: the next start finds them after a supervisor was killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.files import private_directory, write_atomically
from appliance.probes.process import alive, boot_identity, directory_of, members

PAUSE = 0.03
KILL_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Record:
    """One started unit. A process is it only if number, start time and boot all agree.

    How to stop it is written down, too, because the next catalogue may no longer have the unit.
    """

    unit: str
    pid: int
    start_time: int
    boot: str
    order: int
    directory: str
    stop_signal: int
    stop_grace: float


class Records:
    """The folder of records: one JSON file a unit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, record: Record) -> None:
        """Keep a record until the unit has ended."""
        private_directory(self._folder)
        path = self._folder / f"{record.unit}.json"
        write_atomically(path, json.dumps(asdict(record)).encode())

    def remove(self, unit: str) -> None:
        """Forget a unit that has ended."""
        (self._folder / f"{unit}.json").unlink(missing_ok=True)

    def leftovers(self) -> list[Record]:
        """Return the records of this boot, the last in the catalogue first."""
        found = [record for path in self._folder.glob("*.json") if (record := _read(path))]
        boot = boot_identity()
        of_this_boot = [record for record in found if record.boot == boot]
        return sorted(of_this_boot, key=lambda record: record.order, reverse=True)

    def clear(self) -> None:
        """Forget everything: what was left behind has ended."""
        for path in self._folder.glob("*.json"):
            path.unlink(missing_ok=True)


def _read(path: Path) -> Record | None:
    """Return a record, or None for a file that is not one."""
    try:
        return Record(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def send(pid: int, number: int) -> None:
    """Send a signal to one process; one that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


async def end(record: Record, clock: Clock) -> bool:
    """End a process that an earlier supervisor left, and its group; say whether there was any."""
    if await asyncio.to_thread(alive, record.pid, record.start_time):
        send(record.pid, record.stop_signal)
        send(record.pid, signal.SIGCONT)
        deadline = clock.monotonic() + record.stop_grace
        while clock.monotonic() < deadline:
            if not await asyncio.to_thread(alive, record.pid, record.start_time):
                break
            await clock.sleep(PAUSE)
        await reap(record.pid, clock)
        return True
    # Without its leader a session can be another's that got the same number since: then its
    # members do not run in the unit's own directory.
    strangers = await asyncio.to_thread(_strangers, record)
    return False if strangers else await reap(record.pid, clock)


def _strangers(record: Record) -> bool:
    return any(str(directory_of(found.pid)) != record.directory for found in members(record.pid))


async def reap(session: int, clock: Clock) -> bool:
    """Kill the processes of a session until none is left; return whether there was any."""
    found = False
    deadline = clock.monotonic() + KILL_PATIENCE
    while remaining := await asyncio.to_thread(members, session):
        found = True
        for member in remaining:
            send(member.pid, signal.SIGKILL)
        if clock.monotonic() > deadline:
            break
        await clock.sleep(PAUSE)
    return found
