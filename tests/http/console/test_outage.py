"""The console while the database is down: who gets in, and what still works."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from admin.rescue import Rescue
from appliance.accounts.model import Account, Role
from appliance.accounts.people import People
from appliance.accounts.service import Accounts
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.people import FAST_PASSWORDS, PASSWORD, add_person
from tests.fakes.units import FakeUnits
from tests.http.console.conftest import ConsoleBrowser, EventReader, Open, Serve

PAGES = ("/admin/", "/admin/ingest", "/admin/jobs", "/admin/people", "/admin/models")


async def remembered(
    serve: Serve, open_browser: Open, database: Database, dark_database: Database
) -> ConsoleBrowser:
    """Sign in, then restart the console without its database."""
    before = open_browser(await serve(database))
    await before.sign_in("olga")
    session = before.client.session.cookie_jar.filter_cookies(before.client.make_url("/"))
    browser = open_browser(await serve(dark_database))
    browser.bring(session["cloister_session"].value)
    return browser


async def test_an_operator_stays_in_through_an_outage_and_a_restart(
    serve: Serve,
    open_browser: Open,
    database: Database,
    dark_database: Database,
    olga: Account,
    units: FakeUnits,
) -> None:
    browser = await remembered(serve, open_browser, database, dark_database)
    for path in PAGES:
        assert "The database does not answer at the moment." in await browser.text(path)
    assert "postgres" in await browser.text("/admin/units/postgres")
    assert (await browser.post("/admin/units/postgres/restart")).status == 303
    assert units.wanted == [("restart", "postgres")]


async def test_changes_that_need_the_database_say_so(
    serve: Serve, open_browser: Open, database: Database, dark_database: Database, olga: Account
) -> None:
    browser = await remembered(serve, open_browser, database, dark_database)
    person = {"name": "carla", "display_name": "Carla", "role": "member"}
    answer = await browser.post("/admin/people", person)
    assert answer.status == 503
    page = await answer.text()
    assert "The database does not answer" in page
    assert 'value="Carla"' in page
    for path in ("/admin/ingest/retry", "/admin/models/choose"):
        fields = {"purpose": "chat", "model": "fake-chat"}
        assert (await browser.post(path, fields)).status == 503


async def test_streams_go_on_without_the_database(
    serve: Serve, open_browser: Open, database: Database, dark_database: Database, olga: Account
) -> None:
    browser = await remembered(serve, open_browser, database, dark_database)
    for path, event, words in (
        ("/admin/events", "verdict", "database does not answer"),
        ("/admin/ingest/events", "queue", "database does not answer"),
        ("/admin/jobs/events", "jobs", "database does not answer"),
        ("/admin/units/postgres/log", "state", "ready"),
    ):
        async with browser.client.get(path) as answer:
            await EventReader(answer).until(event, words)


async def lock_out(database: Database, operator: Account) -> None:
    await People(database, SystemClock()).set_locked(None, operator.id, locked=True)


async def demote(database: Database, operator: Account) -> None:
    await People(database, SystemClock()).set_role(None, operator.id, Role.MEMBER)


async def remove(database: Database, operator: Account) -> None:
    await People(database, SystemClock()).remove(None, operator.id)


async def change_password(database: Database, operator: Account) -> None:
    accounts = Accounts(database, SystemClock(), FAST_PASSWORDS)
    await accounts.change_password(operator, PASSWORD, f"{PASSWORD} and more")


@pytest.mark.parametrize("end", [lock_out, demote, remove, change_password])
async def test_who_is_no_operator_any_more_finds_the_door_shut_in_an_outage_a_moment_later(
    *,
    serve: Serve,
    open_browser: Open,
    database: Database,
    dark_database: Database,
    settings: Settings,
    olga: Account,
    end: Callable[[Database, Account], Awaitable[None]],
) -> None:
    await add_person(database, "oscar", Role.OPERATOR)
    site = await serve(database)
    browser = open_browser(site)
    await browser.sign_in("olga")
    await browser.text("/admin/")
    session = browser.client.session.cookie_jar.filter_cookies(browser.client.make_url("/"))
    await until_somebody_listens(database)
    # From another process: the command line, or a chat server.
    await end(database, olga)
    async with asyncio.timeout(30):
        while json.loads((settings.state / "console-sessions.json").read_bytes()):
            await asyncio.sleep(0.01)
    later = open_browser(await serve(dark_database))
    later.bring(session["cloister_session"].value)
    assert (await later.get("/admin/units/postgres")).status == 303


async def until_somebody_listens(database: Database) -> None:
    listening = (
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE 'LISTEN%' AND state = 'idle'"
    )
    async with asyncio.timeout(30), database.connection() as connection:
        while not (await connection.execute(listening)).rowcount:
            await asyncio.sleep(0.01)


async def test_signing_out_counts_without_the_database(
    serve: Serve, open_browser: Open, database: Database, dark_database: Database, olga: Account
) -> None:
    browser = await remembered(serve, open_browser, database, dark_database)
    session = browser.client.session.cookie_jar.filter_cookies(browser.client.make_url("/"))
    token = session["cloister_session"].value
    assert (await browser.post("/admin/sign-out")).status == 303
    browser.bring(token)
    assert (await browser.get("/admin/")).status == 303


async def test_a_stranger_is_told_why_nobody_can_sign_in(
    serve: Serve, open_browser: Open, dark_database: Database
) -> None:
    browser = open_browser(await serve(dark_database))
    browser.bring("x" * 43)
    answer = await browser.get("/admin/")
    assert answer.headers["Location"].startswith("/admin/sign-in")
    page = await browser.text("/admin/sign-in")
    assert "no password can be checked" in page
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
    for path in ("/admin/people", "/admin/ingest/retry", "/admin/models/choose"):
        answer = await browser.post(path, {"name": "x"})
        assert answer.status == 403
        assert "rescue session" in await answer.text()
    again = open_browser(await serve(dark_database))
    assert (await again.post("/admin/rescue", {"code": code})).status == 403
    assert (await again.post("/admin/rescue", {"code": ""})).status == 422
    assert (await browser.post("/admin/sign-out")).status == 303
    assert (await browser.get("/admin/")).status == 303


async def test_a_rescue_session_is_told_to_the_log(
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
    assert "not in the audit: rescue did rescue.open 127.0.0.1" in caplog.text


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


async def test_a_session_that_the_database_refuses_is_forgotten(
    serve: Serve,
    open_browser: Open,
    database: Database,
    dark_database: Database,
    olga: Account,
    bob: Account,
) -> None:
    bright = open_browser(await serve(database))
    await bright.sign_in("olga")
    await bright.text("/admin/")
    session = bright.client.session.cookie_jar.filter_cookies(bright.client.make_url("/"))
    async with database.connection() as connection:
        await connection.execute("DELETE FROM core.session")
    assert (await bright.get("/admin/")).status == 303
    dark = open_browser(await serve(dark_database))
    dark.bring(session["cloister_session"].value)
    assert (await dark.get("/admin/")).status == 303
