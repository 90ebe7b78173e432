"""A small systemd on a private bus: it runs real programs, and speaks as systemd does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Self

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from appliance.core.process import Running, kill_group, spawn
from appliance.units.model import Kind, Unit
from appliance.units.systemd import service_of

NAME = "org.freedesktop.systemd1"
ROOT = "/org/freedesktop/systemd1"
MANAGER = f"{NAME}.Manager"
VERBS = {"StartUnit": "start", "StopUnit": "stop", "RestartUnit": "restart"}


@asynccontextmanager
async def message_bus(folder: Path) -> AsyncIterator[str]:
    """Run a real, private bus, and lend its address."""
    address = f"unix:path={folder / 'bus'}"
    options = ("--session", "--nofork", "--nopidfile", f"--address={address}", "--print-address")
    process = await asyncio.create_subprocess_exec(
        "dbus-daemon", *options, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        assert await process.stdout.readline()
        yield address
    finally:
        process.kill()
        await process.wait()
        # Python 3.11 closes the pipe only on request.
        process._transport.close()  # type: ignore[attr-defined]
        (folder / "bus").unlink(missing_ok=True)


@dataclass
class Job:
    path: str
    verb: str
    task: asyncio.Task[None] | None = None


class Service:
    """One service and its process."""

    def __init__(self, unit: Unit, number: int) -> None:
        self.unit = unit
        self.name = service_of(unit.name)
        self.path = f"{ROOT}/unit/u{number}"
        self.active, self.sub, self.result = "inactive", "dead", "success"
        self.code = self.status = self.pid = self.started = 0
        self.process: asyncio.subprocess.Process | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.job: Job | None = None
        self.stopping = False
        # Whether visitors wait at a socket of the service, and how long its ExecStopPost= takes.
        self.visited = False
        self.stop_post = 0.0

    def of_service(self) -> dict[str, Variant]:
        return {
            "Result": Variant("s", self.result),
            "ExecMainCode": Variant("i", self.code),
            "ExecMainStatus": Variant("i", self.status),
            "ExecMainStartTimestamp": Variant("t", self.started),
            "MainPID": Variant("u", self.pid),
        }

    def of_unit(self) -> dict[str, Variant]:
        number = int(self.job.path.rpartition("/")[2]) if self.job else 0
        return {
            "LoadState": Variant("s", "loaded"),
            "ActiveState": Variant("s", self.active),
            "SubState": Variant("s", self.sub),
            "Job": Variant("(uo)", [number, self.job.path if self.job else "/"]),
        }


class FakeSystemd:
    """Services on the bus at `address`. Use it as a context manager: leaving kills them.

    `refused` holds (method, unit) that polkit denies; `journal` is what `journalctl` would read.
    """

    def __init__(self, units: Iterable[Unit], *, address: str, journal: Path) -> None:
        self._address = address
        self._journal = journal
        self.services = {
            service.name: service
            for service in (Service(unit, number) for number, unit in enumerate(units))
        }
        self._paths = {service.path: service for service in self.services.values()}
        self._job_types: dict[str, str] = {}
        self._bus: MessageBus | None = None
        self._jobs = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused: set[tuple[str, str]] = set()
        self.calls: list[tuple[str, str]] = []

    async def __aenter__(self) -> Self:
        self._journal.touch()
        await self.join()
        return self

    async def __aexit__(self, *error: object) -> None:
        for service in self.services.values():
            if service.process and service.process.returncode is None:
                kill_group(service.process.pid, signal.SIGKILL)
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self.leave()

    async def join(self) -> None:
        """Come to the bus, as systemd does when the bus was started again."""
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus.add_message_handler(self._answer)
        await self._bus.request_name(NAME)

    async def leave(self) -> None:
        bus, self._bus = self._bus, None
        if bus and bus.connected:
            bus.disconnect()
        if bus:
            with contextlib.suppress(Exception):
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def ask(self, verb: str, name: str) -> None:
        """Do as `systemctl VERB` does for an administrator, and wait for the end of the job."""
        job = self._begin(self.services[service_of(name)], verb)
        if job.task:
            await job.task

    def write(self, name: str, message: object) -> None:
        """Add a line to the journal."""
        entry = {"__CURSOR": "c", "_SYSTEMD_UNIT": service_of(name), "MESSAGE": message}
        with self._journal.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def _answer(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        member, body = str(message.member), list(message.body)
        if member == "Get":
            return self._job_type(message)
        if member == "GetAll":
            service = self._paths[str(message.path)]
            values = service.of_service() | service.of_unit()
            return Message.new_method_return(message, "a{sv}", [values])
        if message.interface != MANAGER:
            return None
        if member == "ListUnitsByPatterns":
            return self._list(message)
        return self._manage(message, member, body)

    def _job_type(self, message: Message) -> Message:
        """A job that is over is unknown."""
        if word := self._job_types.get(str(message.path)):
            return Message.new_method_return(message, "v", [Variant("s", word)])
        return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownObject", "No job.")

    def _list(self, message: Message) -> Message:
        _, patterns = message.body
        rows = [
            [service.name, "", "loaded", service.active, service.sub, "", service.path, 0, "", "/"]
            for service in self.services.values()
            if any(fnmatch(service.name, pattern) for pattern in patterns)
        ]
        return Message.new_method_return(message, "a(ssssssouso)", [rows])

    def _manage(self, message: Message, member: str, body: list[Any]) -> Message:
        name = body[0] if body else ""
        self.calls.append((member, name))
        if (member, name) in self.refused:
            error = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
            return Message.new_error(message, error, "Interactive authentication required.")
        if name and name not in self.services:
            return Message.new_error(message, f"{NAME}.NoSuchUnit", f"Unit {name} not found.")
        if member == "Subscribe":
            return Message.new_method_return(message)
        if member == "LoadUnit":
            return Message.new_method_return(message, "o", [self.services[name].path])
        if member in VERBS:
            job = self._begin(self.services[name], VERBS[member])
            return Message.new_method_return(message, "o", [job.path])
        self._change(self.services[name], member, body)
        return Message.new_method_return(message)

    def _change(self, service: Service, member: str, body: list[Any]) -> None:
        """Do what needs no job."""
        if member == "ResetFailedUnit" and service.active == "failed":
            service.result = "success"
            self._set(service, "inactive", "dead")
        if member == "KillUnit" and service.process:
            kill_group(service.process.pid, signal.Signals(body[2]))

    def _begin(self, service: Service, verb: str) -> Job:
        if service.job and service.job.verb == verb:
            return service.job
        if service.job:
            self._end(service, service.job, "canceled")
        self._jobs += 1
        job = service.job = Job(f"{ROOT}/job/{self._jobs}", verb)
        self._job_types[job.path] = verb
        self._signal("JobNew", "uos", [self._jobs, job.path, service.name])
        job.task = self._task(self._work(service, job))
        return job

    async def _work(self, service: Service, job: Job) -> None:
        result = "done"
        if job.verb in {"stop", "restart"}:
            # The socket is part of the service, and closes with it.
            service.visited = service.visited and job.verb == "restart"
            await self._stop(service)
        if job.verb in {"start", "restart"} and service.process is None:
            result = await self._start(service)
        self._end(service, job, result)

    def _end(self, service: Service, job: Job, result: str) -> None:
        self._job_types.pop(job.path, None)
        if service.job is job:
            service.job = None
            number = int(job.path.rpartition("/")[2])
            self._signal("JobRemoved", "uoss", [number, job.path, service.name, result])

    async def _start(self, service: Service) -> str:
        unit = service.unit
        running = await spawn(unit.command, cwd=unit.directory)
        service.process, service.pid, service.stopping = running.process, running.pid, False
        service.started, service.result = time.time_ns() // 1000, "success"
        service.code = service.status = 0
        self._set(service, "activating", "start")
        service.watcher = self._task(self._watch(service, running))
        if unit.kind is Kind.ONESHOT:
            await asyncio.wait({service.watcher})
            return "failed" if service.active == "failed" else "done"
        self._set(service, "active", "running")
        return "done"

    async def _stop(self, service: Service) -> None:
        if service.watcher is None or service.watcher.done():
            return
        service.stopping = True
        if service.process:
            self._set(service, "deactivating", "stop-sigterm")
            kill_group(service.process.pid, service.unit.stop_signal)
        await asyncio.wait({service.watcher}, timeout=service.unit.stop_grace)
        if not service.watcher.done() and service.process:
            kill_group(service.process.pid, signal.SIGKILL)
        await asyncio.wait({service.watcher})

    async def _watch(self, service: Service, running: Running) -> None:
        output = self._task(self._keep_output(service, running))
        code = await running.process.wait()
        kill_group(running.pid)
        await output
        running.pipe.close()
        service.process, service.pid = None, 0
        service.code, service.status = (1, code) if code >= 0 else (2, -code)
        clean = code == 0 or (service.stopping and code == -signal.SIGTERM)
        service.result = "success" if clean else ("exit-code" if code > 0 else "signal")
        if service.stop_post:
            self._set(service, "deactivating", "stop-post")
            await asyncio.sleep(service.stop_post)
        self._set(service, *(("inactive", "dead") if clean else ("failed", "failed")))
        if service.visited and not service.stopping:
            self._begin(service, "start")

    async def _keep_output(self, service: Service, running: Running) -> None:
        async for line in running.output:
            self.write(service.unit.name, line.decode().rstrip("\n"))

    def _set(self, service: Service, active: str, sub: str) -> None:
        service.active, service.sub = active, sub
        for interface, values in (("Service", service.of_service()), ("Unit", service.of_unit())):
            body: list[object] = [f"{NAME}.{interface}", values, []]
            self._send(service.path, "org.freedesktop.DBus.Properties", "PropertiesChanged", body)

    def _signal(self, member: str, signature: str, body: list[object]) -> None:
        self._send(ROOT, MANAGER, member, body, signature)

    def _send(
        self,
        path: str,
        interface: str,
        member: str,
        body: list[object],
        signature: str = "sa{sv}as",
    ) -> None:
        if self._bus and self._bus.connected:
            self._bus.send(Message.new_signal(path, interface, member, signature, body))

    def _task(self, work: object) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
