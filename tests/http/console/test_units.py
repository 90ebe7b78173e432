"""The overview, a unit's page, its log, and what an operator does to units."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from appliance.db.pool import Database
from appliance.supervisor.model import Phase
from tests.builders.audit import audited
from tests.fakes.ollama import FakeOllama
from tests.fakes.units import FakeUnits
from tests.http.console.conftest import ConsoleBrowser, EventReader


async def test_the_overview_says_that_everything_runs(as_olga: ConsoleBrowser) -> None:
    page = BeautifulSoup(await as_olga.text("/admin/"), "html.parser")
    verdict = page.select_one(".verdict--good h2")
    assert verdict
    assert verdict.text == "Everything runs"
    names = [heading.text for heading in page.select(".unit h3")]
    assert names == ["postgres", "ollama", "ingest", "webchat-1", "nginx"]
    absent = page.select_one(".unit--absent")
    assert absent
    assert "install the package nginx" in absent.text


async def test_the_overview_says_in_words_what_is_wrong(
    as_olga: ConsoleBrowser, units: FakeUnits
) -> None:
    units.write("ollama", "cannot allocate <memory>")
    units.change("ollama", Phase.GAVE_UP, "gave up: 10 restarts in 30 min")
    page = BeautifulSoup(await as_olga.text("/admin/"), "html.parser")
    verdict = page.select_one(".verdict--bad")
    assert verdict
    assert "ollama is not started any more: gave up" in verdict.text
    card = page.select_one("#unit-ollama.unit--gave_up")
    assert card
    assert "cannot allocate <memory>" in card.text
    assert card.select_one("form[action='/admin/units/ollama/start']")


async def test_htmx_gets_the_units_alone(as_olga: ConsoleBrowser) -> None:
    answer = await as_olga.get("/admin/", headers={"HX-Request": "true"})
    text = await answer.text()
    assert "unit-postgres" in text
    assert "<html" not in text
    assert answer.headers["Vary"] == "HX-Request"


async def test_the_path_without_its_slash_leads_to_the_overview(as_olga: ConsoleBrowser) -> None:
    answer = await as_olga.get("/admin")
    assert (answer.status, answer.headers["Location"]) == (303, "/admin/")


async def test_the_overview_is_pushed_when_a_unit_changes(
    as_olga: ConsoleBrowser, units: FakeUnits
) -> None:
    async with as_olga.client.get("/admin/events") as answer:
        reader = EventReader(answer)
        await reader.until("verdict", "Everything runs")
        await reader.until("machine", "Memory")
        units.change("ingest", Phase.FAILED, "killed by SIGKILL; starts again in 2 s")
        assert "Something is wrong" in await reader.until("verdict", "ingest failed")
        await reader.until("units", "starts again in 2 s")


async def test_a_stream_ends_when_the_person_is_signed_out(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    async with as_olga.client.get("/admin/events") as answer:
        reader = EventReader(answer)
        await reader.until("machine", "Memory")
        async with database.connection() as connection:
            await connection.execute("DELETE FROM core.session")
        while (await reader.event())[0]:
            pass


async def test_streams_end_with_the_console(
    as_olga: ConsoleBrowser,
) -> None:
    async with as_olga.client.get("/admin/events") as answer:
        reader = EventReader(answer)
        await reader.until("machine", "Memory")
        await as_olga.client.server.close()
        while (await reader.event())[0]:
            pass


async def test_units_are_started_stopped_and_restarted(
    as_olga: ConsoleBrowser, units: FakeUnits, database: Database
) -> None:
    for verb in ("start", "stop", "restart"):
        answer = await as_olga.post(f"/admin/units/ingest/{verb}")
        assert (answer.status, answer.headers["Location"]) == (303, "/admin/units/ingest")
    assert units.wanted == [("start", "ingest"), ("stop", "ingest"), ("restart", "ingest")]
    assert units.asked_by == ["olga", "olga", "olga"]
    assert ("olga", "unit.stop", "ingest") in await audited(database)
    answer = await as_olga.post("/admin/units/ingest/start", {"from": "overview"})
    assert answer.headers["Location"] == "/admin/"


async def test_a_deed_is_recorded_before_it_may_stop_the_database(
    as_olga: ConsoleBrowser,
    units: FakeUnits,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded = []

    async def stop(_: str, by: str) -> None:
        recorded.extend(await audited(database))

    monkeypatch.setattr(units, "stop", stop)
    await as_olga.post("/admin/units/postgres/stop")
    assert recorded == [("olga", "unit.stop", "postgres")]


async def test_stopping_is_asked_once(as_olga: ConsoleBrowser) -> None:
    page = BeautifulSoup(await as_olga.text("/admin/units/ingest"), "html.parser")
    form = page.select_one("form[action='/admin/units/ingest/stop']")
    assert form
    assert form.find_parent(attrs={"popover": True, "role": "dialog"})


async def test_a_unit_that_is_unknown_is_not_found(as_olga: ConsoleBrowser) -> None:
    for path in ("", "/log", "/log.txt"):
        assert (await as_olga.get(f"/admin/units/nothing{path}")).status == 404
    assert (await as_olga.post("/admin/units/nothing/stop")).status == 404
    assert (await as_olga.post("/admin/units/ingest/explode")).status == 404


async def test_the_log_is_escaped(as_olga: ConsoleBrowser, units: FakeUnits) -> None:
    units.write("ingest", "<script>alert(1)</script>")
    page = await as_olga.text("/admin/units/ingest")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


async def test_the_log_shows_the_last_lines_that_contain_a_text(
    as_olga: ConsoleBrowser, units: FakeUnits
) -> None:
    units.write("ingest", *(f"line {number}" for number in range(1, 301)), "An Error")
    page = await as_olga.text("/admin/units/ingest")
    assert "line 102<" in page
    assert "line 101<" not in page
    page = await as_olga.text("/admin/units/ingest?contains=error")
    assert "An Error" in page
    assert "line 300<" not in page
    page = await as_olga.text("/admin/units/ingest?contains=nothing+like+it")
    assert "No line contains this." in page


async def test_a_paused_log_has_no_stream(as_olga: ConsoleBrowser) -> None:
    page = await as_olga.text("/admin/units/ingest?follow=no")
    assert "sse-connect" not in page
    assert "Follow" in page


async def test_the_log_is_downloaded_as_text(as_olga: ConsoleBrowser, units: FakeUnits) -> None:
    units.write("ingest", "first", "an <error>")
    answer = await as_olga.get("/admin/units/ingest/log.txt?contains=error")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ingest.log.txt"'
    assert await answer.text() == "an <error>\n"


async def test_new_lines_are_pushed_and_filtered(as_olga: ConsoleBrowser, units: FakeUnits) -> None:
    units.write("ingest", "an old error")
    async with as_olga.client.get("/admin/units/ingest/log?contains=error") as answer:
        reader = EventReader(answer)
        assert "an old error" in (await reader.until("log", ""))
        units.write("ingest", "fine", "a <new> error", "fine again")
        lines = await reader.until("lines", "error")
        assert "a &lt;new&gt; error" in lines
        assert "fine" not in lines
        units.change("ingest", Phase.STOPPED, "stopped by Olga")
        await reader.until("state", "stopped")
        await reader.until("actions", "/admin/units/ingest/start")
    for _ in range(200):
        if not units.followers("ingest"):
            break
        await as_olga.get("/admin/rescue")
    assert units.followers("ingest") == 0


async def test_htmx_gets_a_units_state_alone(as_olga: ConsoleBrowser) -> None:
    answer = await as_olga.get("/admin/units/postgres", headers={"HX-Request": "true"})
    text = await answer.text()
    assert "answers queries" in text
    assert "log-lines" not in text


async def test_the_overview_shows_the_models_in_memory(
    as_olga: ConsoleBrowser, runner: FakeOllama
) -> None:
    assert "one is loaded with the next question" in await as_olga.text("/admin/")
    runner.models.clear()
    page = await as_olga.text("/admin/")
    assert "Everything runs" in page
    assert "passages are quoted instead" in page
