"""Which models are there, and which are used."""

from __future__ import annotations

from dataclasses import replace

from aiohttp.test_utils import TestServer
from bs4 import BeautifulSoup

from admin.app import Console, build
from admin.rescue import Rescue
from appliance.accounts.model import Account
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.llm.client import ModelRunner
from appliance.llm.condition import RunnerCondition
from appliance.services import build_services
from appliance.units.model import Absent
from tests.builders.people import FAST_PASSWORDS
from tests.fakes.ollama import FakeModel, FakeOllama
from tests.fakes.operations import fake_runner
from tests.fakes.units import UNITS, FakeUnits
from tests.http.conftest import VERSION
from tests.http.console.conftest import ConsoleBrowser, Open, Site


async def chosen(database: Database) -> dict[str, str]:
    async with database.connection() as connection:
        rows = await connection.execute("SELECT name, model FROM core.chosen_model")
        return {str(name): str(model) for name, model in await rows.fetchall()}


async def test_models_are_listed_with_what_they_can_do(as_olga: ConsoleBrowser) -> None:
    page = await as_olga.text("/admin/models")
    for words in ("fake-chat:latest", "fake-embed:latest", "Can find text by its meaning."):
        assert words in page


async def test_what_answers_and_searches_is_shown_without_a_choice(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    page = await as_olga.text("/admin/models")
    assert "used for chat" in page
    assert "being prepared for search" in page
    # What is used anyway can be chosen, so that it stays when another one comes.
    assert "Always use for chat" in page
    assert "Use for chat" in page
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO library.embedding_model (name, digest, dimensions, state)"
            " VALUES ('fake-embed:latest', 'd', 8, 'serving')"
        )
    assert "used for search" in await as_olga.text("/admin/models")


async def test_models_are_chosen_for_chat_and_for_search(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    for purpose, model in (("chat", "fake-chat"), ("search", "fake-embed:latest")):
        fields = {"purpose": purpose, "model": model}
        assert (await as_olga.post("/admin/models/choose", fields)).status == 303
    assert await chosen(database) == {
        "chat_model": "fake-chat:latest",
        "embedding_model": "fake-embed:latest",
    }
    page = await as_olga.text("/admin/models")
    assert "used for chat" in page
    assert "being prepared for search" in page
    assert "se for search" not in page
    async with database.connection() as connection:
        rows = await connection.execute("SELECT action, object FROM core.audit ORDER BY id")
        assert await rows.fetchall() == [
            ("model.use_for_chat", "fake-chat:latest"),
            ("model.use_for_search", "fake-embed:latest"),
        ]


async def test_a_model_must_fit_its_purpose(as_olga: ConsoleBrowser, database: Database) -> None:
    for purpose, model, status in (
        ("chat", "fake-embed:latest", 422),
        ("search", "fake-chat:latest", 422),
        ("chat", "not-there", 404),
        ("sleep", "fake-chat:latest", 422),
        ("chat", "", 422),
    ):
        answer = await as_olga.post("/admin/models/choose", {"purpose": purpose, "model": model})
        assert answer.status == status
    assert await chosen(database) == {}


async def test_a_model_whose_vectors_are_too_long_is_refused_and_says_so(
    as_olga: ConsoleBrowser, runner: FakeOllama, database: Database
) -> None:
    runner.models["large:8b"] = FakeModel("large:8b", ("embedding",), dimensions=4096)
    assert "Too large for search: it describes a text with 4,096 numbers" in await as_olga.text(
        "/admin/models"
    )
    fields = {"purpose": "search", "model": "large:8b"}
    answer = await as_olga.post("/admin/models/choose", fields)
    assert answer.status == 422
    assert "4096 numbers each, 4000 at most" in await answer.text()
    assert await chosen(database) == {}


async def test_a_model_that_was_chosen_and_is_gone_is_named(
    as_olga: ConsoleBrowser, runner: FakeOllama
) -> None:
    await as_olga.post("/admin/models/choose", {"purpose": "chat", "model": "fake-chat"})
    del runner.models["fake-chat:latest"]
    assert "is not installed any more" in await as_olga.text("/admin/models")


async def test_without_models_the_page_says_how_to_get_them(
    as_olga: ConsoleBrowser, runner: FakeOllama
) -> None:
    runner.models.clear()
    page = await as_olga.text("/admin/models")
    assert "No model yet" in page
    assert "How to bring models here" in page


async def test_a_runner_that_is_silent_is_said_to_be(
    as_olga: ConsoleBrowser, runner: FakeOllama
) -> None:
    runner.behaviour.lookup_delay = 30
    page = await as_olga.text("/admin/models")
    assert "The model runner runs, but does not answer." in page
    assert runner.address in page


async def test_without_a_runner_the_page_says_how_to_get_one_and_models(
    settings: Settings, olga: Account, database: Database, open_browser: Open
) -> None:
    async def know() -> RunnerCondition:
        return RunnerCondition.NOT_INSTALLED

    alone = replace(settings, ollama_url=None)
    units = FakeUnits(unit for unit in UNITS if unit.name != "ollama")
    absent = (Absent("ollama", "not found"),)
    async with ModelRunner(alone.runner_address, know=know) as runner:
        clock = SystemClock()
        operations, _ = fake_runner(alone.operations, clock)
        services = build_services(alone, database, runner, clock, FAST_PASSWORDS, operations)
        console = Console(alone, clock, units, absent, services, Rescue(clock), VERSION)
        site: Site = TestServer(build(console))
        async with site:
            browser = open_browser(site)
            await browser.sign_in("olga")
            page = await browser.text("/admin/models")
            overview = BeautifulSoup(await browser.text("/admin/"), "html.parser")
    assert "No model runner yet" in page
    assert "Install Ollama on this machine" in page
    assert "ollama pull" in page
    amber = overview.select_one(".verdict--warn")
    assert amber
    assert "No model runner is installed" in amber.text
    assert amber.select_one("a[href$='/admin/models']")


async def test_htmx_gets_the_models_alone(as_olga: ConsoleBrowser) -> None:
    answer = await as_olga.get("/admin/models", headers={"HX-Request": "true"})
    text = await answer.text()
    assert "fake-chat" in text
    assert "<html" not in text
