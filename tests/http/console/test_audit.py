"""The page of who did what."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup, Tag
from yarl import URL

from admin.rescue import Rescue
from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.actors.model import CommandLine
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.outage_notes import Note, OutageNotes
from appliance.audit.report import write_report
from appliance.audit.service import record
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.audit import add_rows, audit_log, tampering, verified
from tests.fakes.clock import START
from tests.http.console.conftest import ConsoleBrowser, Open, Serve

HTMX = {"HX-Request": "true"}


def parsed(page: str) -> BeautifulSoup:
    return BeautifulSoup(page, "html.parser")


def objects(page: str) -> list[str]:
    """Return the objects of the rows, from the top."""
    return [found.text for found in parsed(page).select(".audit-object")]


async def test_what_an_operator_does_is_on_the_page(as_olga: ConsoleBrowser, bob: Account) -> None:
    assert "Nothing was recorded yet" in await as_olga.text("/admin/audit")
    await as_olga.post(f"/admin/people/{bob.id}/lock")
    page = parsed(await as_olga.text("/admin/audit"))
    cells = [cell.text.strip() for cell in page.select("tbody td")]
    assert cells[:3] == ["person: lock", "olga", "bob"]
    place = page.select_one(".top__nav a[aria-current]")
    assert place
    assert place["href"] == "/admin/audit"
    # A click on the object shows what else was done to it.
    link = page.select_one("tbody a")
    assert link
    assert "Only what was done to bob" in await as_olga.text(str(link["href"]))


async def test_what_no_longer_exists_keeps_its_name(
    as_olga: ConsoleBrowser, bob: Account, database: Database
) -> None:
    api_keys = ApiKeys(database, SystemClock())
    key, _ = await api_keys.create(bob, bob, "script", [Scope.CHAT], 1)
    document = uuid4()
    async with database.connection() as connection:
        event = AuditEvent(Action.DOCUMENT_DELETE, ObjectType.DOCUMENT, str(document))
        await record(connection, bob, event)
    await as_olga.post(f"/admin/people/{bob.id}/remove")
    page = await as_olga.text("/admin/audit")
    # The name of a file is private, and recorded nowhere.
    short = f"document {str(document)[:8]}"
    assert objects(page) == ["bob", short, f"{key.prefix} of bob"]
    link = parsed(page).find("a", title=str(document))
    assert isinstance(link, Tag)
    assert f"Only what was done to {short}" in await as_olga.text(str(link["href"]))


async def test_what_is_done_to_a_service_is_called_so(as_olga: ConsoleBrowser) -> None:
    await as_olga.post("/admin/units/ingest/restart")
    page = parsed(await as_olga.text("/admin/audit"))
    assert "service: restart" in [cell.text.strip() for cell in page.select("tbody td")]
    assert "service: restart" in [option.text for option in page.select("#action option")]
    assert not [word for word in page.text.split() if word.startswith("unit")]


async def test_filters_leave_what_was_asked_for(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    await add_rows(database, 4)
    await add_rows(database, 2, "command line")
    assert len(objects(await as_olga.text("/admin/audit?actor=command+line"))) == 2
    assert len(objects(await as_olga.text("/admin/audit?action=unit&actor=olga"))) == 2
    assert objects(await as_olga.text("/admin/audit?text=object+4")) == ["object 4"]
    assert len(objects(await as_olga.text("/admin/audit?since=2000-01-01&until=2100-01-01"))) == 6
    page = await as_olga.text("/admin/audit?until=2000-01-01")
    assert "Nothing was recorded that fits" in page
    assert 'value="2000-01-01"' in page


async def test_for_htmx_the_rows_come_alone_with_an_address_to_keep(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    await add_rows(database, 2)
    answer = await as_olga.get("/admin/audit?actor=&text=object+2&since=", headers=HTMX)
    text = await answer.text()
    assert "<html" not in text
    assert objects(text) == ["object 2"]
    assert URL(answer.headers["HX-Push-Url"]) == URL("/admin/audit?text=object+2")


async def test_older_rows_are_a_page_away(as_olga: ConsoleBrowser, database: Database) -> None:
    await add_rows(database, 120)
    page = await as_olga.text("/admin/audit?text=object")
    assert "Newest" not in page
    seen = objects(page)
    assert len(seen) == 50
    while older := parsed(page).select_one("a[rel=next]"):
        page = await as_olga.text(str(older["href"]))
        seen += objects(page)
    assert seen == [f"object {number}" for number in range(120, 0, -1)]
    assert "Newest" in page


@pytest.mark.parametrize("query", ["since=yesterday", "until=9999-12-31", "since=2026-02-30"])
async def test_what_is_no_day_is_refused_in_words(as_olga: ConsoleBrowser, query: str) -> None:
    answer = await as_olga.get(f"/admin/audit?{query}")
    assert answer.status == 422
    assert "is not a day" in await answer.text()


@pytest.mark.parametrize("value", ["%00", "%ED%A0%80", "'%22%3Cb%3E", "x" * 5000])
async def test_strange_filters_break_nothing(as_olga: ConsoleBrowser, value: str) -> None:
    for name in ("text", "actor", "action", "object_type", "object_id", "before"):
        await as_olga.text(f"/admin/audit?{name}={value}")


async def test_the_filtered_rows_can_be_taken_away(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    await add_rows(database, 1_100)
    page = parsed(await as_olga.text("/admin/audit?action=unit"))
    links = {link.text.strip(): str(link["href"]) for link in page.select(".audit-tools a.button")}
    answer = await as_olga.get(links["CSV"])
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].endswith('.csv"')
    rows = list(csv.DictReader(io.StringIO(await answer.text(), newline="")))
    assert len(rows) == 550
    assert {row["action"] for row in rows} == {"unit.restart"}
    answer = await as_olga.get(links["JSON Lines"])
    assert answer.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    found = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert [row["id"] for row in found] == [int(row["id"]) for row in rows]
    # The older form stays where programs look for it.
    older = json.loads(await (await as_olga.get("/admin/audit/export.json?action=unit")).text())
    assert older == found
    nothing = await as_olga.get("/admin/audit/export.json?actor=nobody")
    assert json.loads(await nothing.text()) == []
    assert (await as_olga.get("/admin/audit/export.xml")).status == 404


async def test_an_exported_entry_has_all_that_its_hash_is_made_of(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    """As docs/how-to/audit.md says it, with nothing of ours."""
    async with database.connection() as connection:
        detail: dict[str, str | int] = {"address": "ü\n::1", "count": 3}
        event = AuditEvent(Action.PERSON_ADD, ObjectType.PERSON, "7", "bob", detail)
        await record(connection, CommandLine(), event)
        await record(connection, CommandLine(), event)
    lines = (await (await as_olga.get("/admin/audit/export.jsonl")).text()).splitlines()
    previous = bytes(32)
    for row in map(json.loads, reversed(lines)):
        times = [row["at"], row["happened_at"]]
        at, happened_at = (str(micros(time)) if time else "" for time in times)
        fields = [
            *(str(row["id"]), at, row["actor"], row["action"], row["object_type"]),
            *(row["object_id"], row["object"], json.dumps(row["detail"], ensure_ascii=False)),
            *(happened_at, row["note_id"] or ""),
        ]
        text = "".join(f"{len(field.encode())}:{field}" for field in fields)
        previous = hashlib.sha256(previous + text.encode()).digest()
        assert row["hash"] == previous.hex()


def micros(time: str) -> int:
    return (datetime.fromisoformat(time) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


async def test_the_page_says_what_the_latest_verification_found(
    as_olga: ConsoleBrowser, database: Database, settings: Settings
) -> None:
    assert "have not been verified yet" in await as_olga.text("/admin/audit")
    await add_rows(database, 3)
    write_report(settings.state, await verified(database, settings.state))
    whole = parsed(await as_olga.text("/admin/audit")).select_one("#chain")
    assert whole
    assert "No entry of the audit is changed, missing or reordered: 3 entries" in whole.text
    async with tampering(database) as connection:
        await connection.execute("UPDATE core.audit SET actor = 'eve' WHERE id = 2")
    write_report(settings.state, await verified(database, settings.state))
    page = parsed(await as_olga.text("/admin/audit"))
    alert = page.select_one("#chain [role=alert]")
    assert alert
    assert "Entry 2 of the audit, at place 2, was changed" in alert.text
    # The button starts the job.
    form = page.select_one("#chain form")
    assert form
    assert (form["action"], str(form.select_one("[name=kind]"))) == (
        "/admin/jobs",
        '<input name="kind" type="hidden" value="audit"/>',
    )


async def test_an_entry_that_was_added_afterwards_says_so(
    as_olga: ConsoleBrowser, database: Database, tmp_path: Path
) -> None:
    event = AuditEvent(Action.UNIT_STOP, ObjectType.UNIT, "ingest")
    await OutageNotes(tmp_path).keep(Note(uuid4(), START, "command line", event))
    await audit_log(database, tmp_path).add_notes()
    row = parsed(await as_olga.text("/admin/audit")).select_one("tbody tr")
    assert row
    assert "added afterwards" in row.text
    time = row.select_one("time")
    assert time
    assert datetime.fromisoformat(str(time["datetime"])) == START


async def test_names_that_people_chose_are_text_on_the_page(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO core.audit (actor, action, object, detail)"
            """ VALUES ('olga', 'person.add', '<b>x</b>', '{"k": "<i>y</i>"}')"""
        )
    page = await as_olga.text("/admin/audit")
    assert "&lt;b&gt;x" in page
    assert "<i>y" not in page


async def test_a_rescue_code_does_not_open_it(
    serve: Serve, open_browser: Open, dark_database: Database, rescue: Rescue
) -> None:
    browser = open_browser(await serve(dark_database))
    browser.bring(rescue.use(rescue.new_code().text, "192.0.2.1").text)
    assert "rescue session" in await browser.text("/admin/audit", 403)
    await browser.text("/admin/audit/export.csv", 403)
