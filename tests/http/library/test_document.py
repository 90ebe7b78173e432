"""A document's own pages: the ledger, the text with a passage marked, the file."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.library.model import Document
from tests.builders.library import Shelf
from tests.http.conftest import Browser

TEXT = "The pump & the valve were inspected in March."


@pytest.fixture
async def manual(alice: Account, books: Shelf, reading: None) -> Document:
    """A shared document that is ready."""
    uploaded = await books.upload(alice, "manual.txt", TEXT)
    return (await books.finished(alice, uploaded.document.id))[0]


async def test_a_document_shows_how_each_page_was_read(as_bob: Browser, manual: Document) -> None:
    answer = await as_bob.get(f"/library/{manual.id}")
    page = BeautifulSoup(await answer.text(), "html.parser")
    assert answer.status == 200
    assert page.h1 is not None
    assert page.h1.text == "manual.txt"
    [row] = page.select("#ledger tbody tr")
    assert [cell.text.strip() for cell in row.select("td")] == ["1", "read", str(len(TEXT)), ""]
    assert "hx-trigger" not in str(page.select("#ledger")[0].attrs)
    assert "Delete" not in page.text


@pytest.mark.parametrize(
    ("blank", "in_the_row", "above_the_ledger"),
    [
        (9, "9 of 10 pages have no text", "9 of 10 pages have no text."),
        (1, "1 of 10 pages has no text", "1 of 10 pages has no text."),
        (0, None, "10 pages"),
    ],
)
async def test_a_document_that_is_mostly_scanned_says_so(
    as_bob: Browser,
    manual: Document,
    database: Database,
    blank: int,
    in_the_row: str | None,
    above_the_ledger: str,
) -> None:
    await _add_pages(database, manual, 9, blank)
    row = await (await as_bob.get(f"/library/{manual.id}/row")).text()
    assert ("no text" in row) == bool(in_the_row)
    assert (in_the_row or "") in row
    answer = await as_bob.get(f"/library/{manual.id}", headers={"HX-Request": "true"})
    part = BeautifulSoup(await answer.text(), "html.parser")
    assert above_the_ledger in part.text
    assert ("ocrmypdf" in part.text) == bool(in_the_row)


async def test_a_blank_page_here_and_there_is_counted_and_no_reason_to_worry(
    as_bob: Browser, manual: Document, database: Database
) -> None:
    await _add_pages(database, manual, 19, 1)
    assert "no text" not in await (await as_bob.get(f"/library/{manual.id}/row")).text()
    answer = await as_bob.get(f"/library/{manual.id}")
    assert "20 pages, 1 without text" in await answer.text()


async def _add_pages(database: Database, document: Document, count: int, blank: int) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO library.page (document_id, number, state)"
            " SELECT %s, 1 + n, CASE WHEN n <= %s THEN 'empty' ELSE 'read' END"
            " FROM generate_series(1, %s) n",
            (document.id, blank, count),
        )


async def test_a_long_ledger_is_shown_in_parts(
    as_bob: Browser, manual: Document, database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO library.page (document_id, number, state, text)"
            " SELECT %s, number, 'read', 'x' FROM generate_series(2, 450) number",
            (manual.id,),
        )
    shown = {}
    for part in ("1", "3", "99"):
        answer = await as_bob.get(f"/library/{manual.id}?page={part}")
        page = BeautifulSoup(await answer.text(), "html.parser")
        rows = page.select("#ledger tbody tr")
        shown[part] = (rows[0].td.text.strip() if rows[0].td else "", len(rows))
    assert shown == {"1": ("1", 200), "3": ("401", 50), "99": ("401", 50)}


async def test_the_ledger_of_an_unfinished_document_asks_again(
    as_alice: Browser, alice: Account, books: Shelf
) -> None:
    document = (await books.upload(alice, "a.txt", TEXT)).document
    answer = await as_alice.get(f"/library/{document.id}", headers={"HX-Request": "true"})
    part = BeautifulSoup(await answer.text(), "html.parser")
    assert part.select("html") == []
    assert part.select("#ledger")[0]["hx-trigger"] == "every 1s"


async def test_a_passage_is_marked_on_its_page(as_bob: Browser, manual: Document) -> None:
    start, end = TEXT.index("pump"), TEXT.index(" were")
    answer = await as_bob.get(f"/library/{manual.id}/pages/1?from={start}&to={end}")
    page = BeautifulSoup(await answer.text(), "html.parser")
    [mark] = page.select("mark")
    assert mark.text == "pump & the valve"
    assert page.select(".sheet")[0].text == TEXT


async def test_a_citation_opens_beside_the_answer(as_bob: Browser, manual: Document) -> None:
    answer = await as_bob.get(
        f"/library/{manual.id}/pages/1?from=0&to=8&citation=3", headers={"HX-Request": "true"}
    )
    part = BeautifulSoup(await answer.text(), "html.parser")
    assert part.select("html") == []
    assert part.select(".chip")[0].text == "3"
    assert part.select("mark")[0].text == "The pump"


@pytest.mark.parametrize(
    "place", ["", "from=5&to=2", "from=0&to=9999", "from=x&to=y", "from=-1&to=3"]
)
async def test_a_passage_that_is_not_there_marks_nothing(
    as_bob: Browser, manual: Document, place: str
) -> None:
    answer = await as_bob.get(f"/library/{manual.id}/pages/1?{place}")
    page = BeautifulSoup(await answer.text(), "html.parser")
    assert answer.status == 200
    assert page.select("mark") == []
    assert page.select(".sheet")[0].text == TEXT


@pytest.mark.parametrize("number", ["0", "2", "x", "99999999999999999999"])
async def test_a_page_that_is_not_there_is_not_found(
    as_bob: Browser, manual: Document, number: str
) -> None:
    assert (await as_bob.get(f"/library/{manual.id}/pages/{number}")).status == 404


async def test_what_is_private_is_not_found_by_anybody_else(
    as_bob: Browser, as_olga: Browser, as_alice: Browser, alice: Account, books: Shelf
) -> None:
    private = (await books.upload(alice, "a.txt", TEXT, await books.own(alice))).document
    for path in ("", "/file", "/pages/1"):
        for browser in (as_bob, as_olga):
            answer = await browser.get(f"/library/{private.id}{path}")
            assert answer.status == 404, path
            assert "a.txt" not in await answer.text()
    for action in ("delete", "retry"):
        for browser in (as_bob, as_olga):
            assert (await browser.post(f"/library/{private.id}/{action}")).status == 404
    assert (await as_alice.get(f"/library/{private.id}/file")).status == 200


@pytest.mark.parametrize("name", ["not-an-id", "12db1339-4bef-4943-8646-10189e0c1e2e"])
async def test_an_unknown_document_is_not_found(as_bob: Browser, name: str) -> None:
    for path in ("", "/file", "/pages/1"):
        assert (await as_bob.get(f"/library/{name}{path}")).status == 404


async def test_the_file_is_saved_under_its_name_and_can_do_nothing(
    as_alice: Browser, alice: Account, books: Shelf
) -> None:
    name = 'Prüfung "März"; x=<b>.html'
    content = "<script>alert(1)</script>"
    document = (await books.upload(alice, name, content)).document
    answer = await as_alice.get(f"/library/{document.id}/file")
    assert await answer.text() == content
    assert answer.content_disposition is not None
    assert answer.content_disposition.type == "attachment"
    assert answer.content_disposition.filename == name
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
