"""People see what their documents take, and what to do when there is no room."""

from __future__ import annotations

import pytest
from aiohttp import FormData
from bs4 import BeautifulSoup

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.actors.model import CommandLine
from appliance.core.clock import SystemClock
from appliance.core.variables import MEBIBYTE
from appliance.db.pool import Database
from appliance.library.errors import QuotaExceededError
from appliance.library.quota import NoSize, Quotas
from tests.builders.library import Shelf
from tests.http.conftest import Browser


@pytest.fixture
def quotas(database: Database) -> Quotas:
    """What operators change quotas with."""
    return Quotas(database)


async def _form(browser: Browser, *contents: bytes) -> FormData:
    form = FormData(default_to_multipart=True)
    form.add_field("csrf", await browser.token())
    for number, content in enumerate(contents):
        form.add_field("file", content, filename=f"{number}.txt")
    return form


async def _shown(browser: Browser) -> str:
    page = BeautifulSoup(await (await browser.get("/library")).text(), "html.parser")
    return page.select("#usage")[0].text


async def test_the_library_shows_what_was_added_and_what_it_may_take(
    as_alice: Browser, alice: Account, books: Shelf, quotas: Quotas
) -> None:
    assert await _shown(as_alice) == "What you added takes 0 B of 10 GB"
    await books.upload(alice, "a.txt", b"x" * 2048)
    await quotas.set(CommandLine(), alice.id, 5 * MEBIBYTE)
    assert await _shown(as_alice) == "What you added takes 2.0 KB of 5.0 MB"
    await quotas.set(CommandLine(), alice.id, NoSize.UNLIMITED)
    assert await _shown(as_alice) == "What you added takes 2.0 KB"


async def test_a_form_whose_files_have_no_room_together_is_refused_as_a_whole(
    as_alice: Browser, alice: Account, books: Shelf, quotas: Quotas
) -> None:
    await quotas.set(CommandLine(), alice.id, MEBIBYTE)
    form = await _form(as_alice, *(bytes([65 + number]) * 190_000 for number in range(6)))
    answer = await as_alice.client.post("/library", data=form, allow_redirects=False)
    page = await answer.text()
    assert answer.status == 413
    assert "your documents take 0 B of 1.0 MB" in page
    assert QuotaExceededError.hint in page
    assert books.files() == []


async def test_a_file_without_room_is_refused_and_those_before_it_stay(
    as_alice: Browser, alice: Account, books: Shelf, quotas: Quotas
) -> None:
    await quotas.set(CommandLine(), alice.id, MEBIBYTE)
    await books.upload(alice, "a.txt", b"x" * (MEBIBYTE - 20_000))
    form = await _form(as_alice, b"y" * 10_000, b"z" * 15_000)
    answer = await as_alice.client.post("/library", data=form, allow_redirects=False)
    page = await answer.text()
    assert answer.status == 413
    assert "1.txt: There is no room for this" in page
    assert "1 document added." in page


async def test_a_program_is_told_the_code_and_sees_what_is_used(
    as_alice: Browser, alice: Account, chat_database: Database, quotas: Quotas
) -> None:
    await quotas.set(CommandLine(), alice.id, MEBIBYTE)
    keys = ApiKeys(chat_database, SystemClock())
    _, secret = await keys.create(alice, alice, "k", [Scope.DOCUMENTS], 1)
    headers = {"Authorization": f"Bearer {secret.text}"}

    async def send(content: bytes) -> int:
        form = FormData(default_to_multipart=True)
        form.add_field("file", content, filename="a.txt")
        answer = await as_alice.client.post("/api/documents", data=form, headers=headers)
        body = await answer.json()
        if answer.status == 413:
            assert body["error"]["code"] == "quota_exceeded"
        return answer.status

    for letter in (b"a", b"b", b"c", b"d", b"e"):
        assert await send(letter * 199_000) == 202
    assert await send(b"f" * 199_000) == 413
    listed = await (await as_alice.client.get("/api/documents", headers=headers)).json()
    assert listed["storage"] == {"used": 5 * 199_000, "limit": MEBIBYTE}
