"""The overview, a unit's page, its log, and what an operator does to units."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bs4 import BeautifulSoup, Tag

from appliance.db.pool import Database
from appliance.supervisor.model import Phase
from tests.builders.audit import audited
from tests.fakes.ollama import FakeOllama
from tests.fakes.units import READY, FakeUnits
from tests.http.console.conftest import ConsoleBrowser, EventReader


async def test_the_overview_says_that_everything_runs(as_olga: ConsoleBrowser) -> None:
    page = BeautifulSoup(await as_olga.text("/admin/"), "html.parser")
    verdict = page.select_one(".verdict--good h2")
    assert verdict
    assert verdict.text == "Everything runs"
    names = [heading.text for heading in page.select(".unit h3")]
    assert names == ["Database", "Model runner", "Document reader", "Chat server 1", "Web server"]
    absent = page.select_one(".unit--absent")
    assert absent
    assert "install the package nginx" in absent.text


async def test_the_overview_says_in_words_what_is_wrong(
    as_olga: ConsoleBrowser, units: FakeUnits
) -> None:
    units.write("ingest", "cannot allocate <memory>")
    units.change("ingest", Phase.GAVE_UP, "10 restarts in 30 min")
    page = BeautifulSoup(await as_olga.text("/admin/"), "html.parser")
    verdict = page.select_one(".verdict--bad")
    assert verdict
    assert "The document reader is not restarted any more: 10 restarts" in verdict.text
    card = page.select_one("#unit-ingest.unit--bad")
    assert card
    assert "cannot allocate <memory>" in card.text
    assert card.select_one("form[action='/admin/units/ingest/start']")


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
        await reader.until("health", "Everything runs")
        await reader.until("machine", "Memory")
        units.change("ingest", Phase.FAILED, "killed by SIGKILL; starts again in 2 s")
        assert "Something is wrong" in await reader.until("health", "The document reader failed")
        await reader.until("services", "starts again in 2 s")


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


async def test_an_action_is_recorded_before_it_may_stop_the_database(
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
    assert "the next question loads one" in await as_olga.text("/admin/")


def amber(page: str) -> Tag:
    """Return the headline and its reasons of an overview that is amber."""
    found = BeautifulSoup(page, "html.parser").select_one(".verdict--warn")
    assert found, page
    return found


async def test_without_a_model_the_overview_is_amber_and_leads_to_the_models(
    as_olga: ConsoleBrowser, runner: FakeOllama
) -> None:
    runner.models.clear()
    page = await as_olga.text("/admin/")
    assert "Everything runs" not in page
    assert "passages are quoted instead" in amber(page).text
    assert amber(page).select_one("a[href='/admin/models']")


async def test_while_the_runner_hangs_the_overview_is_amber_and_offers_a_restart(
    as_olga: ConsoleBrowser, runner: FakeOllama
) -> None:
    runner.behaviour.lookup_delay = 60
    found = amber(await as_olga.text("/admin/"))
    assert "The model runner runs, but does not answer." in found.text
    assert found.select_one("form[action='/admin/units/ollama/restart']")


async def test_what_an_operator_stopped_says_who_and_offers_to_start_it(
    as_olga: ConsoleBrowser, units: FakeUnits
) -> None:
    units.change("ollama", Phase.STOPPED, "stopped by ida", stopped_by="ida")
    found = amber(await as_olga.text("/admin/"))
    assert "was stopped by ida at" in found.text
    assert "by itself" not in found.text
    assert found.select_one("form[action='/admin/units/ollama/start']")


async def test_a_stopped_database_is_a_failure_with_a_remedy(
    as_olga: ConsoleBrowser, units: FakeUnits
) -> None:
    units.change("postgres", Phase.STOPPED, "stopped by ida", stopped_by="ida")
    page = BeautifulSoup(await as_olga.text("/admin/"), "html.parser")
    found = page.select_one(".verdict--bad")
    assert found
    assert "The database was stopped by ida" in found.text
    assert found.select_one("form[action='/admin/units/postgres/start']")
    # What depends on it runs, and is not ready.
    chat = page.select_one("#unit-webchat-1")
    assert chat
    assert "waiting" in chat.text
    assert "needs the database" in chat.text
    assert "ready" not in chat.text


async def test_stopping_the_database_says_what_follows(as_olga: ConsoleBrowser) -> None:
    page = BeautifulSoup(await as_olga.text("/admin/units/postgres"), "html.parser")
    dialog = page.select_one("#stop")
    assert dialog
    assert "sign in" in dialog.text
    assert "cloister rescue" in dialog.text


async def test_the_web_server_is_only_restarted_in_the_console(
    as_olga: ConsoleBrowser, units: FakeUnits
) -> None:
    units.add(replace(READY, name="nginx", description="Web server (Nginx)"))
    page = BeautifulSoup(await as_olga.text("/admin/units/nginx"), "html.parser")
    assert page.select_one("form[action='/admin/units/nginx/restart']")
    assert not page.select_one("form[action='/admin/units/nginx/stop']")
    answer = await as_olga.post("/admin/units/nginx/stop")
    assert answer.status == 409
    assert "this console is behind it" in await answer.text()
    assert units.wanted == []


async def test_work_that_is_done_is_not_shown_on_the_overview(
    as_olga: ConsoleBrowser, units: FakeUnits
) -> None:
    units.add(replace(READY, name="migrate", phase=Phase.DONE))
    assert "unit-migrate" not in await as_olga.text("/admin/")
    units.change("migrate", Phase.FAILED, "a table is missing")
    assert "unit-migrate" in await as_olga.text("/admin/")
