"""A real Pebble, and a web server that answers for the machine's names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from appliance.acme.operation import work_of
from appliance.core.clock import Clock, SystemClock
from appliance.core.settings import Settings
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Facts
from appliance.operations.work import Reporter
from tests.fakes.acme import TERMS, Pebble, running_pebble

PATH = "/.well-known/acme-challenge/"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", host="chat.example")


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


@pytest.fixture
def ask(settings: Settings, pebble: Pebble, tmp_path: Path) -> Asking:
    return Asking(settings, pebble, tmp_path, SystemClock())
