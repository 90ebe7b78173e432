"""Uploads that no browser sends are bounded and reported, and their valid files are added."""

from __future__ import annotations

import codecs
from urllib.parse import quote

import pytest
from aiohttp import ClientResponse
from bs4 import BeautifulSoup

from appliance.accounts.model import Account
from tests.builders.library import Shelf
from tests.http.conftest import Browser
from webchat.pages.part_heads import LONGEST_HEAD
from webchat.pages.uploads import MOST_PARTS

FIELD = 'Content-Disposition: form-data; name="x"'


def file(name: str) -> str:
    return f'Content-Disposition: form-data; name="file"; filename="{name}"'


async def send(browser: Browser, *parts: tuple[str, str]) -> ClientResponse:
    """Send a form of parts, each a head and its content, as htmx does."""
    body = "".join(f"--b\r\n{head}\r\n\r\n{content}\r\n" for head, content in parts)
    headers = {
        "Content-Type": "multipart/form-data; boundary=b",
        "X-CSRF-Token": await browser.token(),
        "HX-Request": "true",
    }
    return await browser.client.post("/library", data=f"{body}--b--\r\n", headers=headers)


async def names(books: Shelf, actor: Account) -> set[str]:
    return {document.file_name for document in await books.service.documents(actor)}


async def alerts(answer: ClientResponse) -> list[str]:
    page = BeautifulSoup(await answer.text(), "html.parser")
    return [alert.text for alert in page.select(".alert__sentence")]


@pytest.mark.parametrize(
    "head",
    [
        file("x" * LONGEST_HEAD),
        file("b.txt") + "\r\nX: 1" * LONGEST_HEAD,
        "Content-Disposition: form-data; name=\"file\"; filename*=slow''b.txt",
        "Content-Disposition: form-data; name=\"file\"; filename*0*=slow'; filename*1*='b.txt",
        'Content-Disposition: form-data; name="file"; x*=slow\'\'x; filename="b.txt"',
    ],
    ids=["long name", "many headers", "codec", "codec in pieces", "codec of something else"],
)
async def test_a_head_that_is_not_read_ends_the_form_and_keeps_what_came_before(
    as_alice: Browser, alice: Account, books: Shelf, head: str
) -> None:
    asked: list[str] = []
    note = asked.append
    codecs.register(note)
    try:
        answer = await send(as_alice, (file("a.txt"), "Words."), (head, "More."), (FIELD, ""))
    finally:
        codecs.unregister(note)
    assert "slow" not in asked
    assert answer.status == 400
    assert await names(books, alice) == {"a.txt"}
    assert answer.headers["HX-Retarget"] == "#documents"
    problem, note_of_success = await alerts(answer)
    assert problem.startswith("The name of a file is too long")
    assert note_of_success == "1 document added."


async def test_a_name_in_utf_8_is_read_as_programs_write_it(
    as_alice: Browser, alice: Account, books: Shelf
) -> None:
    head = f"Content-Disposition: form-data; name=file; filename*=UTF-8''{quote('Über.txt')}"
    assert (await send(as_alice, (head, "Words."))).status == 200
    assert await names(books, alice) == {"Über.txt"}


async def test_a_form_of_endless_parts_is_read_to_a_point(
    as_alice: Browser, alice: Account, books: Shelf
) -> None:
    fields = [(FIELD, "")] * MOST_PARTS
    answer = await send(as_alice, (file("a.txt"), "Words."), *fields, (file("b.txt"), "More."))
    assert answer.status == 413
    assert answer.headers["HX-Retarget"] == "#documents"
    problem, note_of_success = await alerts(answer)
    assert problem.startswith(f"One upload takes at most {MOST_PARTS:,} files")
    assert note_of_success == "1 document added."
    assert await names(books, alice) == {"a.txt"}


async def test_the_list_of_what_failed_is_bounded(
    as_alice: Browser, alice: Account, books: Shelf
) -> None:
    parts = [(file(f"{number}.txt"), "") for number in range(30)]
    problems = await alerts(await send(as_alice, *parts))
    assert len(problems) == 21
    assert problems[0].startswith("0.txt: ")
    assert problems[-2] == "10 other files could not be added."
    assert problems[-1].startswith("29.txt: ")
