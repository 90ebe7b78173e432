"""The console while the database is down: who gets in, and what still works."""

from __future__ import annotations

import pytest
from yarl import URL

from admin.rescue import Rescue
from appliance.accounts.model import Account
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.people import PASSWORD
from tests.fakes.units import FakeUnits
from tests.http.console.conftest import ConsoleBrowser, EventReader, Open, Serve

PAGES = ("/admin/", "/admin/ingest", "/admin/jobs", "/admin/people", "/admin/models")


async def rescued(
    serve: Serve, open_browser: Open, dark: Database, rescue: Rescue
) -> ConsoleBrowser:
    """Open a console without its database, and come in with a rescue code."""
    browser = open_browser(await serve(dark))
    browser.bring(rescue.use(rescue.new_code().text, "192.0.2.1").text)
    return browser


async def test_a_signed_in_operator_gets_the_sign_in_page_that_explains_the_rescue_code(
    serve: Serve, open_browser: Open, database: Database, dark_database: Database, olga: Account
) -> None:
    before = open_browser(await serve(database))
    await before.sign_in("olga")
    session = before.client.session.cookie_jar.filter_cookies(before.client.make_url("/"))
    browser = open_browser(await serve(dark_database))
    browser.bring(session["cloister_session"].value)
    for path in (*PAGES, "/admin/units/postgres"):
        answer = await browser.get(path)
        assert answer.status == 303
        page = await browser.text(answer.headers["Location"])
        assert "cloister rescue" in page
        assert 'href="/admin/rescue"' in page
    assert (await browser.post("/admin/units/postgres/restart")).status == 401


async def test_the_waiting_sign_in_page_leads_on_when_the_database_is_back(
    serve: Serve, open_browser: Open, database: Database, dark_database: Database, olga: Account
) -> None:
    htmx = {"HX-Request": "true"}
    page = "/admin/sign-in?next=%2Fadmin%2Fpeople"
    dark = open_browser(await serve(dark_database))
    assert f'hx-get="{page}"' in await dark.text(page)
    assert (await dark.get(page, headers=htmx)).status == 204
    bright = open_browser(await serve(database))
    assert URL((await bright.get(page, headers=htmx)).headers["HX-Redirect"]) == URL(page)
    await bright.sign_in("olga")
    assert (await bright.get(page, headers=htmx)).headers["HX-Redirect"] == "/admin/people"


async def test_the_file_of_an_earlier_version_that_opened_the_console_is_removed(
    serve: Serve, dark_database: Database, settings: Settings
) -> None:
    kept = settings.state / "console-sessions.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    await serve(dark_database)
    assert not kept.exists()


async def test_pages_say_that_the_database_is_down(
    serve: Serve, open_browser: Open, dark_database: Database, rescue: Rescue
) -> None:
    browser = await rescued(serve, open_browser, dark_database, rescue)
    for path in ("/admin/", "/admin/ingest", "/admin/jobs", "/admin/models"):
        assert "The database does not answer at the moment." in await browser.text(path)
    assert "postgres" in await browser.text("/admin/units/postgres")


async def test_pages_do_not_send_operators_to_an_operator(
    serve: Serve, open_browser: Open, dark_database: Database, rescue: Rescue
) -> None:
    browser = await rescued(serve, open_browser, dark_database, rescue)
    for path in ("/admin/ingest", "/admin/jobs", "/admin/settings"):
        page = await browser.text(path)
        assert "The overview says why" in page
        assert "ask an operator" not in page


async def test_pages_offer_only_what_works_without_the_database(
    serve: Serve, open_browser: Open, dark_database: Database, rescue: Rescue
) -> None:
    browser = await rescued(serve, open_browser, dark_database, rescue)
    assert "Add a person" not in await browser.text("/admin/people")
    models = await browser.text("/admin/models")
    assert "fake-chat:latest" in models
    # Which model is used for what is in the database: without it, each sentence is a guess.
    for guess in ("used for chat", "being prepared", "se for chat", "Where you have chosen none"):
        assert guess not in models


async def test_streams_go_on_without_the_database(
    serve: Serve, open_browser: Open, dark_database: Database, rescue: Rescue
) -> None:
    browser = await rescued(serve, open_browser, dark_database, rescue)
    for path, event, words in (
        ("/admin/events", "health", "database does not answer"),
        ("/admin/ingest/events", "queue", "database does not answer"),
        ("/admin/jobs/events", "jobs", "database does not answer"),
        ("/admin/units/postgres/log", "state", "ready"),
    ):
        async with browser.client.get(path) as answer:
            await EventReader(answer).until(event, words)


async def test_a_stranger_reads_why_sign_in_is_not_possible(
    serve: Serve, open_browser: Open, dark_database: Database
) -> None:
    browser = open_browser(await serve(dark_database))
    browser.bring("x" * 43)
    answer = await browser.get("/admin/")
    assert answer.headers["Location"].startswith("/admin/sign-in")
    page = await browser.text("/admin/sign-in")
    assert "cannot check who you are" in page
    assert "/admin/rescue" in page
    answer = await browser.post("/admin/sign-in", {"name": "olga", "password": PASSWORD})
    assert answer.status == 503
    page = await browser.text("/admin/claim")
    assert 'name="code"' in page
    fields = {"code": "A", "name": "olga", "display_name": "O", "password": PASSWORD}
    assert (await browser.post("/admin/claim", fields)).status == 503


async def test_a_rescue_code_opens_the_units_and_nothing_else(
    serve: Serve, open_browser: Open, dark_database: Database, rescue: Rescue, units: FakeUnits
) -> None:
    browser = open_browser(await serve(dark_database))
    code = rescue.new_code().text
    answer = await browser.post("/admin/rescue", {"code": code.lower()})
    assert (answer.status, answer.headers["Location"]) == (303, "/admin/")
    assert "unit-postgres" in await browser.text("/admin/")
    assert (await browser.post("/admin/units/postgres/start")).status == 303
    assert units.wanted == [("start", "postgres")]
    assert "rescue session" in await browser.text("/admin/people")
    for path in ("/admin/people", "/admin/ingest/retry", "/admin/models/choose"):
        answer = await browser.post(path, {"name": "x"})
        assert answer.status == 403
        assert "rescue session" in await answer.text()
    again = open_browser(await serve(dark_database))
    assert (await again.post("/admin/rescue", {"code": code})).status == 403
    assert (await again.post("/admin/rescue", {"code": ""})).status == 422
    assert (await browser.post("/admin/sign-out")).status == 303
    assert (await browser.get("/admin/")).status == 303


async def test_a_rescue_session_is_noted_for_the_audit(
    serve: Serve,
    open_browser: Open,
    dark_database: Database,
    rescue: Rescue,
    caplog: pytest.LogCaptureFixture,
) -> None:
    browser = open_browser(await serve(dark_database))
    assert (await browser.post("/admin/rescue", {"code": "AAAAA"})).status == 403
    assert "rescue.open" not in caplog.text
    assert (await browser.post("/admin/rescue", {"code": rescue.new_code().text})).status == 303
    assert "audit written later: actor='rescue code' action=rescue.open" in caplog.text


async def test_a_rescue_code_is_refused_while_the_database_answers(
    nobody: ConsoleBrowser,
    rescue: Rescue,
    serve: Serve,
    dark_database: Database,
    open_browser: Open,
) -> None:
    code = rescue.new_code().text
    answer = await nobody.post("/admin/rescue", {"code": code})
    assert answer.status == 409
    assert "not used up" in await answer.text()
    dark = open_browser(await serve(dark_database))
    assert (await dark.post("/admin/rescue", {"code": code})).status == 303


async def test_a_rescue_session_ends_with_the_outage(
    serve: Serve, open_browser: Open, database: Database, dark_database: Database, rescue: Rescue
) -> None:
    token = rescue.use(rescue.new_code().text, "here").text
    dark = open_browser(await serve(dark_database))
    dark.bring(token)
    assert (await dark.get("/admin/")).status == 200
    bright = open_browser(await serve(database))
    bright.bring(token)
    assert (await bright.get("/admin/")).status == 303


async def test_guessing_rescue_codes_is_slowed_down(
    serve: Serve, open_browser: Open, dark_database: Database, rescue: Rescue
) -> None:
    browser = open_browser(await serve(dark_database))
    for _ in range(5):
        assert (await browser.post("/admin/rescue", {"code": "AAAAA"})).status == 403
    code = rescue.new_code().text
    assert (await browser.post("/admin/rescue", {"code": code})).status == 429
