"""A download is the file as it was uploaded, or it visibly fails."""

from __future__ import annotations

import aiohttp
import pytest
from bs4 import BeautifulSoup

from appliance.accounts.model import Account
from appliance.core.settings import Settings
from appliance.core.variables import MEBIBYTE
from appliance.db.pool import Database
from appliance.library.blobs import Room
from appliance.library.errors import FileDamagedError, FileMissingError
from appliance.library.model import Document
from appliance.library.stored_file import PIECE
from tests.builders.damage import change
from tests.builders.library import Shelf, shelf
from tests.http.conftest import Browser

TEXT = "The contract: pay 100 euros."
LARGE = b"0123456789abcdef" * (5 * PIECE // 32)


@pytest.fixture
async def contract(alice: Account, books: Shelf, reading: None) -> Document:
    """A shared document that is ready."""
    uploaded = await books.upload(alice, "contract.txt", TEXT)
    return (await books.finished(alice, uploaded.document.id))[0]


@pytest.fixture
def large_books(chat_database: Database, settings: Settings) -> Shelf:
    """The site's library, for files of several pieces."""
    return shelf(chat_database, settings.documents, room=Room(8 * MEBIBYTE, floor=0))


async def test_a_changed_file_is_an_error_page_and_the_document_says_so(
    as_bob: Browser, contract: Document, books: Shelf
) -> None:
    change(books.blobs.path(contract.digest), at=5)
    answer = await as_bob.get(f"/library/{contract.id}/file")
    assert answer.status == 410
    assert FileDamagedError.sentence in await answer.text()
    for page in ("", "/row"):
        shown = await (await as_bob.get(f"/library/{contract.id}{page}")).text()
        assert FileDamagedError.sentence in shown
    # The text that was read is still there.
    text = BeautifulSoup(
        await (await as_bob.get(f"/library/{contract.id}/pages/1")).text(), "html.parser"
    )
    assert text.select(".sheet")[0].text == TEXT


async def test_a_lost_file_is_an_error_page_and_the_document_says_so(
    as_bob: Browser, contract: Document, books: Shelf
) -> None:
    books.blobs.path(contract.digest).unlink()
    answer = await as_bob.get(f"/library/{contract.id}/file")
    assert answer.status == 410
    assert FileMissingError.sentence in await answer.text()
    assert FileMissingError.sentence in await (await as_bob.get(f"/library/{contract.id}")).text()


async def test_a_large_file_is_sent_whole(
    as_alice: Browser, alice: Account, large_books: Shelf
) -> None:
    document = (await large_books.upload(alice, "large.txt", LARGE)).document
    answer = await as_alice.get(f"/library/{document.id}/file")
    assert answer.headers["Content-Length"] == str(len(LARGE))
    assert await answer.read() == LARGE


@pytest.mark.parametrize("at", [0, len(LARGE) - 1], ids=["at the beginning", "at the end"])
async def test_a_large_changed_file_ends_with_a_broken_connection(
    as_alice: Browser, alice: Account, large_books: Shelf, at: int
) -> None:
    document = (await large_books.upload(alice, "large.txt", LARGE)).document
    change(large_books.blobs.path(document.digest), at)
    answer = await as_alice.get(f"/library/{document.id}/file")
    assert answer.status == 200
    with pytest.raises(aiohttp.ClientError):
        await answer.read()


async def test_a_large_cut_file_is_an_error_page(
    as_alice: Browser, alice: Account, large_books: Shelf
) -> None:
    document = (await large_books.upload(alice, "large.txt", LARGE)).document
    large_books.blobs.path(document.digest).write_bytes(LARGE[:-1])
    assert (await as_alice.get(f"/library/{document.id}/file")).status == 410


async def test_a_part_of_a_file_is_not_served_because_only_the_whole_can_be_verified(
    as_alice: Browser, alice: Account, books: Shelf
) -> None:
    document = (await books.upload(alice, "a.txt", TEXT)).document
    answer = await as_alice.get(f"/library/{document.id}/file", headers={"Range": "bytes=4-8"})
    assert (answer.status, answer.headers["Accept-Ranges"]) == (200, "none")
    assert await answer.text() == TEXT


async def test_uploading_it_again_repairs_it(
    as_alice: Browser, contract: Document, books: Shelf
) -> None:
    change(books.blobs.path(contract.digest), at=5)
    assert (await as_alice.get(f"/library/{contract.id}/file")).status == 410
    form = aiohttp.FormData({"csrf": await as_alice.token()})
    form.add_field("file", TEXT.encode(), filename="contract.txt")
    await as_alice.client.post("/library", data=form)
    answer = await as_alice.get(f"/library/{contract.id}/file")
    assert (answer.status, await answer.text()) == (200, TEXT)
    assert (
        FileDamagedError.sentence
        not in await (await as_alice.get(f"/library/{contract.id}")).text()
    )
