"""The queue of documents."""

from __future__ import annotations

from uuid import uuid4

from appliance.accounts.model import Account
from appliance.db.pool import Database
from tests.builders.queue import add_document
from tests.http.console.conftest import ConsoleBrowser, EventReader


async def test_an_empty_queue_says_what_will_appear(as_olga: ConsoleBrowser) -> None:
    assert "Nothing here yet" in await as_olga.text("/admin/ingest")
    assert "No document is failed" in await as_olga.text("/admin/ingest?state=failed")


async def test_a_failed_document_shows_its_error_and_is_retried(
    as_olga: ConsoleBrowser, database: Database, alice: Account
) -> None:
    document = await add_document(database, "law.pdf", state="failed", uploaded_by=alice)
    page = await as_olga.text("/admin/ingest")
    for words in ("law.pdf", "Alice", "protected by a password", "Remove it and try again."):
        assert words in page
    answer = await as_olga.post(f"/admin/ingest/{document}/retry")
    assert (answer.status, answer.headers["Location"]) == (303, "/admin/ingest")
    assert (await as_olga.post(f"/admin/ingest/{document}/retry")).status == 404
    assert (await as_olga.post(f"/admin/ingest/{uuid4()}/retry")).status == 404
    assert (await as_olga.post("/admin/ingest/nonsense/retry")).status == 404
    assert "protected by a password" not in await as_olga.text("/admin/ingest")


async def test_the_names_of_private_documents_stay_private(
    as_olga: ConsoleBrowser, database: Database, alice: Account
) -> None:
    await add_document(database, "diagnosis.pdf", state="failed", owner=alice)
    page = await as_olga.text("/admin/ingest")
    assert "diagnosis" not in page
    assert "private document" in page
    assert "Alice" in page
    assert "has no name here" in page


async def test_all_failed_are_retried_but_not_those_in_quarantine(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    await add_document(database, "one.pdf", state="failed")
    await add_document(database, "two.pdf", state="quarantined")
    await as_olga.post("/admin/ingest/retry")
    async with database.connection() as connection:
        rows = await connection.execute("SELECT file_name, state FROM library.document ORDER BY 1")
        assert await rows.fetchall() == [("one.pdf", "queued"), ("two.pdf", "quarantined")]
    assert (await as_olga.post("/admin/ingest/retry")).status == 303


async def test_only_documents_in_one_state_are_shown(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    await add_document(database, "waits.pdf")
    await add_document(database, "broken.pdf", state="failed")
    page = await as_olga.text("/admin/ingest?state=queued")
    assert "waits.pdf" in page
    assert "broken.pdf" not in page
    assert "broken.pdf" in await as_olga.text("/admin/ingest?state=nonsense")


async def test_htmx_gets_the_queue_alone(as_olga: ConsoleBrowser) -> None:
    answer = await as_olga.get("/admin/ingest", headers={"HX-Request": "true"})
    text = await answer.text()
    assert "Waiting" in text
    assert "<html" not in text


async def test_the_queue_is_pushed(as_olga: ConsoleBrowser, database: Database) -> None:
    async with as_olga.client.get("/admin/ingest/events") as answer:
        reader = EventReader(answer)
        await reader.until("queue", "Nothing here yet")
        await add_document(database, "late.pdf", state="reading", page_count=9)
        assert "0 of 9" in await reader.until("queue", "late.pdf")
