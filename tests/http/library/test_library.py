"""The library's page: upload with and without scripts, watch, retry, delete."""

from __future__ import annotations

from uuid import uuid4

import pytest
from aiohttp import ClientResponse, FormData
from bs4 import BeautifulSoup

from appliance.accounts.model import Account
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.library.model import DocumentState
from appliance.library.reader_condition import ReaderCondition
from tests.builders.library import Shelf
from tests.http.conftest import Browser

TEXT = b"The pump was inspected in March."


async def _upload(
    browser: Browser,
    *files: tuple[str, bytes],
    fragment: bool = False,
    collection: str | None = None,
    token: str | None = None,
) -> ClientResponse:
    """Send the upload form as a browser does."""
    # Names as browsers write them.
    form = FormData(quote_fields=False, default_to_multipart=True)
    form.add_field("csrf", await browser.token() if token is None else token)
    if collection:
        form.add_field("collection", collection)
    for name, content in files:
        form.add_field("file", content, filename=name, content_type="application/octet-stream")
    headers = {"Accept": "text/html"} | ({"HX-Request": "true"} if fragment else {})
    return await browser.client.post("/library", data=form, headers=headers, allow_redirects=False)


async def test_the_empty_library_says_what_to_do(as_alice: Browser) -> None:
    answer = await as_alice.get("/library")
    page = BeautifulSoup(await answer.text(), "html.parser")
    assert answer.status == 200
    assert "The shelves are empty" in page.text
    assert [option.text for option in page.select("select[name=collection] option")] == [
        "Only me: My documents",
        "Everybody: Shared library",
    ]
    assert page.select("select[name=collection] option[selected]") == []


async def test_a_visitor_is_sent_to_sign_in(nobody: Browser) -> None:
    answer = await nobody.get("/library")
    assert answer.status == 303


async def test_several_files_are_uploaded_without_scripts(
    as_alice: Browser, alice: Account, books: Shelf
) -> None:
    answer = await _upload(as_alice, ("a.txt", TEXT), ("b.txt", b"Another."))
    assert (answer.status, answer.headers["Location"]) == (303, "/library")
    page = await (await as_alice.get("/library")).text()
    assert "2 documents added." in page
    found = await books.service.documents(alice)
    assert {document.file_name for document in found} == {"a.txt", "b.txt"}


async def test_an_upload_that_does_not_say_for_whom_is_private(
    as_alice: Browser, as_olga: Browser, alice: Account, books: Shelf
) -> None:
    await _upload(as_alice, ("salaries.txt", TEXT))
    [document] = await books.service.documents(alice)
    assert not document.is_shared
    assert "salaries.txt" not in await (await as_olga.get("/library")).text()


async def test_a_shared_upload_is_seen_by_everybody(
    as_alice: Browser, as_olga: Browser, alice: Account, books: Shelf
) -> None:
    await _upload(as_alice, ("rules.txt", TEXT), collection=str(await books.shared(alice)))
    assert "rules.txt" in await (await as_olga.get("/library")).text()


async def test_with_htmx_the_answer_is_the_list_and_unfinished_rows_ask_again(
    as_alice: Browser,
) -> None:
    answer = await _upload(as_alice, ("a.txt", TEXT), fragment=True)
    part = BeautifulSoup(await answer.text(), "html.parser")
    assert answer.status == 200
    assert part.select("html") == []
    [row] = part.select("tr[id^=document-]")
    assert row["hx-trigger"] == "every 3s"
    assert str(row["hx-get"]).endswith("/row")


async def test_a_row_stops_asking_when_its_document_is_ready(
    as_alice: Browser, alice: Account, books: Shelf, reading: None
) -> None:
    await _upload(as_alice, ("a.txt", TEXT))
    [document] = await books.service.documents(alice)
    await books.finished(alice, document.id)
    row = await (await as_alice.get(f"/library/{document.id}/row")).text()
    assert "ready" in row
    assert "hx-trigger" not in row


async def test_the_row_of_a_deleted_document_goes_away(as_alice: Browser) -> None:
    answer = await as_alice.get(f"/library/{uuid4()}/row")
    assert (answer.status, await answer.text()) == (200, "")


async def test_a_private_upload_is_seen_by_its_owner_alone(
    as_alice: Browser, as_olga: Browser, alice: Account, books: Shelf
) -> None:
    await _upload(as_alice, ("diary.txt", TEXT), collection=str(await books.own(alice)))
    assert "diary.txt" in await (await as_alice.get("/library")).text()
    assert "diary.txt" not in await (await as_olga.get("/library")).text()


async def test_the_same_file_again_is_pointed_out(as_alice: Browser) -> None:
    await _upload(as_alice, ("a.txt", TEXT))
    answer = await _upload(as_alice, ("again.txt", TEXT), fragment=True)
    assert "Already in the library: “a.txt”." in await answer.text()


@pytest.mark.parametrize("fragment", [True, False])
async def test_a_refused_file_says_why_and_the_others_are_added(
    as_alice: Browser, alice: Account, books: Shelf, *, fragment: bool
) -> None:
    answer = await _upload(
        as_alice,
        ("big.txt", b"x" * 200_001),
        ("empty.txt", b""),
        ("good.txt", TEXT),
        fragment=fragment,
    )
    assert answer.status == 413
    page = BeautifulSoup(await answer.text(), "html.parser")
    sentences = [alert.text for alert in page.select(".alert__sentence")]
    assert sentences[0].startswith("big.txt: The file is larger than")
    assert sentences[1].startswith("empty.txt: The file is empty")
    assert "1 document added." in sentences[2]
    assert [one.file_name for one in await books.service.documents(alice)] == ["good.txt"]
    assert len(books.files()) == 1


async def test_an_upload_without_a_file_is_asked_for_one(as_alice: Browser) -> None:
    answer = await _upload(as_alice)
    assert answer.status == 422
    assert "No file was chosen." in await answer.text()


@pytest.mark.parametrize("token", ["", "0" * 64])
async def test_an_upload_without_the_forms_token_stores_nothing(
    as_alice: Browser, books: Shelf, token: str
) -> None:
    answer = await _upload(as_alice, ("a.txt", TEXT), token=token)
    assert answer.status == 403
    assert books.files() == []


async def test_an_upload_to_the_collection_of_another_person_is_refused(
    as_alice: Browser, bob: Account, books: Shelf
) -> None:
    answer = await _upload(as_alice, ("a.txt", TEXT), collection=str(await books.own(bob)))
    assert answer.status == 404
    assert books.files() == []


async def test_half_a_body_stores_nothing(as_alice: Browser, books: Shelf) -> None:
    token = await as_alice.token()
    body = (
        f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf'
    )
    answer = await as_alice.client.post(
        "/library", data=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status == 400
    assert "interrupted" in await answer.text()
    assert books.files() == []


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ('a "quoted" <b>name<b>.txt', 'a "quoted" <b>name<b>.txt'),
        ("a %22quoted%22.txt", 'a "quoted".txt'),
        ("<script>alert(1)<|script>.txt", "<script>alert(1)<|script>.txt"),
        ("x" * 300 + ".txt", "x" * 250 + "….txt"),
    ],
)
async def test_a_strange_file_name_is_shown_harmlessly(
    as_alice: Browser, sent: str, shown: str
) -> None:
    await _upload(as_alice, (sent, TEXT))
    page = BeautifulSoup(await (await as_alice.get("/library")).text(), "html.parser")
    [link] = page.select(".document__name a")
    assert link.text == shown
    assert page.select("td script, td b") == []


async def test_names_are_searched_and_pages_turned(
    as_alice: Browser, alice: Account, books: Shelf
) -> None:
    for number in range(52):
        await books.upload(alice, f"report {number}.txt", f"text {number}")
    page = BeautifulSoup(await (await as_alice.get("/library?page=2")).text(), "html.parser")
    assert len(page.select("tr[id^=document-]")) == 2
    found = await (await as_alice.get("/library?query=REPORT+51")).text()
    assert "report 51.txt" in found
    assert "report 50.txt" not in found
    for strange in (
        "page=0",
        "page=99999",
        "page=x",
        "page=" + "9" * 5000,
        "query=%25",
        "query=%00",
    ):
        assert (await as_alice.get(f"/library?{strange}")).status == 200, strange


async def test_a_document_is_deleted_by_a_form(
    as_alice: Browser, as_bob: Browser, alice: Account, books: Shelf
) -> None:
    document = (await books.upload(alice, "a.txt", TEXT)).document
    assert (await as_bob.post(f"/library/{document.id}/delete")).status == 403
    answer = await as_alice.post(f"/library/{document.id}/delete")
    assert (answer.status, answer.headers["Location"]) == (303, "/library")
    assert await books.service.documents(alice) == []
    assert (await as_alice.post(f"/library/{document.id}/delete")).status == 404


async def test_a_broken_document_is_retried_by_a_form(
    as_alice: Browser, alice: Account, books: Shelf, database: Database
) -> None:
    document = (await books.upload(alice, "a.txt", TEXT)).document
    assert (await as_alice.post(f"/library/{document.id}/retry")).status == 409
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE library.document SET state = 'failed', error_code = 'x',"
            " error_message = 'It is <broken>.', error_hint = 'Mend it.'"
        )
    page = await (await as_alice.get("/library")).text()
    assert "It is &lt;broken&gt;." in page
    assert "Try again" in page
    assert (await as_alice.post(f"/library/{document.id}/retry")).status == 303
    found = await books.service.document(alice, document.id)
    assert found.state is DocumentState.QUEUED


async def _says(browser: Browser, settings: Settings, condition: str) -> BeautifulSoup:
    """Open the library while the supervisor says this of the document reader."""
    settings.reader_condition.parent.mkdir(parents=True, exist_ok=True)
    settings.reader_condition.write_text(f"{condition}\n")
    return BeautifulSoup(await (await browser.get("/library")).text(), "html.parser")


@pytest.mark.parametrize("condition", [ReaderCondition.GIVEN_UP, ReaderCondition.STOPPED])
async def test_members_read_that_reading_is_paused_and_that_they_need_only_wait(
    as_alice: Browser, settings: Settings, condition: ReaderCondition
) -> None:
    page = await _says(as_alice, settings, condition)
    [alert] = page.select("#documents .alert")
    assert "Reading is paused" in alert.text
    assert "Just wait" in alert.text
    assert alert.select("a") == []


async def test_operators_read_where_to_look(as_olga: Browser, settings: Settings) -> None:
    page = await _says(as_olga, settings, ReaderCondition.GIVEN_UP)
    [alert] = page.select("#documents .alert")
    assert "failed too often" in alert.text
    assert [link["href"] for link in alert.select("a")] == ["/admin/units/ingest"]


@pytest.mark.parametrize("condition", [ReaderCondition.SERVING, ReaderCondition.RECOVERING])
async def test_nothing_is_announced_while_documents_are_read(
    as_alice: Browser, settings: Settings, condition: ReaderCondition
) -> None:
    assert (await _says(as_alice, settings, condition)).select(".alert") == []
