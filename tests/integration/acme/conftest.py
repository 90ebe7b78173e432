"""A real Pebble, and a web server that answers for the machine's names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from typing_extensions import override

from appliance.acme.model import AcmeState, Answer
from appliance.acme.operation import work_of
from appliance.acme.plan import Ordered
from appliance.acme.records import AcmeRecords
from appliance.acme.run import answer_of
from appliance.acme.service import AcmeService
from appliance.actors.model import Actor
from appliance.audit.model import AuditEvent
from appliance.audit.service import AuditLog
from appliance.core.clock import Clock, SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Facts, Operation, Outcome, Progress, Result
from appliance.operations.runner import OperationRunner
from appliance.operations.work import Reporter, failure
from tests.fakes.acme import TERMS, MemoryCertificates, Pebble, csr_for, running_pebble
from tests.fakes.clock import FakeClock

PATH = "/.well-known/acme-challenge/"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", host="chat.example", with_tls=True)


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """One Pebble for the tests of a module that need nothing special of it."""
    with running_pebble(tmp_path_factory.mktemp("pebble")) as running:
        yield running


@dataclass
class Site:
    """The web server of the machine; `rewrite` changes what it answers to the authority."""

    rewrite: Callable[[str], str] = str
    asked: int = 0


@pytest.fixture
async def site(settings: Settings, pebble: Pebble) -> AsyncIterator[Site]:
    """Serve the folder of challenges, as Nginx does."""
    made = Site()
    async with serving(settings, pebble.web_port, made):
        yield made


class serving:  # noqa: N801 - used as a function
    """Serve a folder of challenges on a port while the block runs."""

    def __init__(self, settings: Settings, port: int, site: Site) -> None:
        self._folder, self._port, self._site = settings.acme_challenges, port, site
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> None:
        app = web.Application()
        app.router.add_get(PATH + "{token}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self._site.asked += 1
        path = self._folder / request.match_info["token"]
        if not path.is_file():
            raise web.HTTPNotFound
        return web.Response(text=self._site.rewrite(path.read_text()))


@dataclass
class Asking:
    """Asks the operation, as the supervisor does, about one Pebble."""

    settings: Settings
    pebble: Pebble
    folder: Path
    clock: Clock

    async def __call__(self, work: str, **request: object) -> Facts:
        asked = {
            "directory": self.pebble.directory,
            "root": self.pebble.root,
            "terms": TERMS,
            "challenge": "http-01",
            **request,
        }
        report = Reporter(OperationFolder(self.folder), self.clock)
        return await work_of(self.settings, self.clock)({"work": work, **asked}, report)

    async def issue(self, *names: str, **request: object) -> Answer:
        """Ask for a certificate for names."""
        return answer_of(await self("issue", csr=csr_for(names).decode(), **request))

    def at(self, pebble: Pebble) -> Asking:
        """Return the same for another Pebble."""
        return replace(self, pebble=pebble)


@pytest.fixture
def ask(settings: Settings, pebble: Pebble, tmp_path: Path) -> Asking:
    return Asking(settings, pebble, tmp_path, SystemClock())


@dataclass
class InProcess:
    """A Starter whose operations are tasks of the test. `clock` is that of their processes."""

    settings: Settings
    clock: Clock
    keeps_operations: bool = False
    running: set[asyncio.Task[None]] = field(default_factory=set)
    requests: list[Facts] = field(default_factory=list)

    async def runs(self, operation: Operation) -> bool:
        return bool(self.running)

    async def start(self, operation: Operation) -> None:
        task = asyncio.create_task(self._run(self.settings.operations / operation.name))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def stop(self, operation: Operation) -> None:
        for task in list(self.running):
            task.cancel()

    async def _run(self, path: Path) -> None:
        folder = OperationFolder(path)
        request = folder.take_request()
        self.requests.append(request)
        try:
            work = work_of(self.settings, self.clock)
            result = Result(Outcome.DONE, await work(request, Reporter(folder, self.clock)))
        except ApplianceError as error:
            result = failure(error)
        folder.end(result)


class NoAudit(AuditLog):
    """Keeps what would be written."""

    def __init__(self) -> None:
        self.noted: list[AuditEvent] = []

    @override
    async def note(self, actor: Actor, event: AuditEvent) -> None:
        self.noted.append(event)


class Followed:
    """Keeps the log of an operation."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def progress(self, progress: Progress) -> None:
        """Ignore how far it is."""

    async def log(self, line: str) -> None:
        """Keep the line."""
        self.lines.append(line)


@dataclass
class Machine:
    """The supervisor's side of a machine: its service, and who has the key of the certificate.

    `clock` is the supervisor's, which a test may move.
    """

    settings: Settings
    starter: InProcess
    certificates: MemoryCertificates
    clock: FakeClock
    audit: NoAudit
    followed: Followed = field(default_factory=Followed)

    @property
    def service(self) -> AcmeService:
        """The service, as it is after a restart: nothing is kept but files."""
        operations = OperationRunner(self.settings.operations, self.starter, SystemClock())
        records = AcmeRecords(self.settings.state)
        return AcmeService(
            self.settings, records, operations, self.certificates, self.audit, self.clock
        )

    async def renew(self, *, forced: bool = False) -> Ordered | None:
        """Make the run that is due."""
        return await self.service.renew(self.followed, forced=forced)

    async def state(self) -> AcmeState:
        """Return how the runs went."""
        return (await self.service.status()).state


@pytest.fixture
def machine(settings: Settings) -> Machine:
    starter = InProcess(settings, SystemClock())
    clock = FakeClock(datetime.now(UTC))
    return Machine(settings, starter, MemoryCertificates(), clock, NoAudit())
