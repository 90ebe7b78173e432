"""The certificates of a machine without its database, and the real Nginx that serves them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from typing_extensions import override

from appliance.actors.model import Actor
from appliance.audit.model import AuditEvent
from appliance.audit.service import AuditLog
from appliance.core.clock import Clock, SystemClock
from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.operations.catalog import TLS
from appliance.operations.errors import OperationBusyError
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Facts
from appliance.operations.work import Reporter
from appliance.supervisor.loop import Supervisor
from appliance.tls.operation import Task, work_of
from appliance.tls.service import Certificates
from appliance.tls.web_server import Nginx, WebServer
from appliance.trial.model import Facts as TrialFacts
from appliance.trial.model import TrialKind
from appliance.trial.service import Act, Trials
from appliance.units.nginx import nginx
from tests.integration.supervisor.parts import supervised, until


class NotedAudit(AuditLog):
    """Keeps what is noted, and needs no database."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    @override
    async def note(self, actor: Actor, event: AuditEvent) -> None:
        self.noted.append(f"{actor.phrase}: {event.action}")


@dataclass
class Operation:
    """Carries out requests of the operation in this process, one at a time, and keeps them."""

    settings: Settings
    clock: Clock
    asked: list[Facts] = field(default_factory=list)
    is_busy: bool = False

    async def __call__(self, request: Facts) -> Facts:
        if self.is_busy:
            raise OperationBusyError(operation=TLS.name)
        self.is_busy = True
        try:
            self.asked.append(request)
            work = work_of(self.settings, self.clock)
            folder = OperationFolder(self.settings.operations / TLS.name)
            return await work(request, Reporter(folder, self.clock))
        finally:
            self.is_busy = False


def certificates(
    settings: Settings, web_server: WebServer, clock: Clock | None = None
) -> Certificates:
    """Return the service, whose trials end by this clock."""
    clock = clock or SystemClock()
    undo: dict[TrialKind, Act] = {}
    trials = Trials(settings.state, clock, undo)
    operation = Operation(settings, SystemClock())
    service = Certificates(settings, clock, operation, web_server, trials, NotedAudit())

    async def undo_it(facts: TrialFacts) -> None:
        await service.undo(facts)

    undo[TrialKind.CERTIFICATE] = undo_it
    return service


@dataclass(frozen=True)
class Front:
    """A running Nginx with TLS, and the certificates of its machine."""

    settings: Settings
    supervisor: Supervisor
    certificates: Certificates


@asynccontextmanager
async def front(
    settings: Settings, clock: Clock | None = None, names: Sequence[str] = ("localhost",)
) -> AsyncIterator[Front]:
    """Make the first certificate, and let the real Nginx serve it."""
    program = shutil.which("nginx", path=SEARCH_PATH)
    assert program, "install the package nginx"
    await Operation(settings, SystemClock())({"work": Task.ENSURE, "names": list(names)})
    unit = replace(nginx(settings, Path(program)), fronts=())
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        web_server = Nginx(supervisor, settings.nginx_tls_socket, SystemClock())
        yield Front(settings, supervisor, certificates(settings, web_server, clock))
