"""Watch an answer being written: at once, again, together, and only one's own."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError
from aiohttp.test_utils import TestServer
from bs4 import BeautifulSoup
from typing_extensions import override

from appliance.accounts.model import Account
from appliance.accounts.store import AccountStore
from appliance.conversations.model import MessageState
from appliance.conversations.service import Conversations
from appliance.core.clock import SystemClock
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.pool import Database
from tests.builders.retrieval import TestDocument
from tests.fakes.markdown import InlineMarkdown
from tests.fakes.ollama import FakeOllama
from tests.http.conftest import Browser
from tests.http.conversation.conftest import (
    answer_in,
    asked,
    finished,
    opened,
    socket_in,
    until_closed,
    watching,
)
from webchat import keys
from webchat.pages import answer_socket
from webchat.pages.answer_html import RENDER_SECONDS, AnswerHtml


def squeezed(text: str) -> str:
    return " ".join(text.split())


async def test_the_end_shows_exactly_what_a_reload_shows(
    as_alice: Browser, document: TestDocument, runner: FakeOllama
) -> None:
    runner.behaviour.first_token_delay = 0.3
    address = await asked(as_alice)
    async with watching(as_alice, socket_in(await opened(as_alice, address))) as socket:
        messages = await until_closed(socket)
        assert socket.close_code == 1000
    (article,) = BeautifulSoup(messages[-1], "html.parser").select("article")
    assert article["hx-swap-oob"] == "true"
    del article["hx-swap-oob"]
    reloaded = answer_in(await finished(as_alice, address))
    assert squeezed(str(article)) == squeezed(str(reloaded))


async def test_it_begins_with_all_that_is_there_and_goes_on_with_what_is_new(
    as_alice: Browser, document: TestDocument, slow: FakeOllama
) -> None:
    address = await asked(as_alice)
    socket_address = socket_in(await opened(as_alice, address))
    async with watching(as_alice, socket_address) as socket:
        first = seen = await socket.receive_str()
        async with asyncio.timeout(30):
            while "First paragraph" not in seen or "word word" not in seen:
                seen += await socket.receive_str()
    # The first block is closed: it came once, perhaps with all that was there at the start.
    begun = BeautifulSoup(first, "html.parser").select_one(".blocks")
    assert begun is not None
    assert seen.count("beforeend:#blocks-") + ("First paragraph" in begun.text) == 1
    async with watching(as_alice, socket_address) as socket:
        snapshot = BeautifulSoup(await socket.receive_str(), "html.parser")
        blocks = snapshot.select_one(".blocks")
        assert blocks is not None
        assert blocks["hx-swap-oob"] == "true"
        assert "First paragraph" in blocks.text
        assert len(blocks.select("a.citation")) == 1
        tail = snapshot.select_one(".tail")
        assert tail is not None
        assert "word word" in tail.text
        assert "Writing…" in snapshot.text


async def test_closing_the_page_does_not_stop_the_answer(
    as_alice: Browser, document: TestDocument, runner: FakeOllama
) -> None:
    runner.behaviour.first_token_delay = 0.2
    address = await asked(as_alice)
    async with watching(as_alice, socket_in(await opened(as_alice, address))) as socket:
        await socket.receive_str()
    page = await finished(as_alice, address)
    assert "repaired on 3 May" in answer_in(page).text
    assert runner.aborted == 0


async def test_two_watchers_see_the_same(
    as_alice: Browser, document: TestDocument, runner: FakeOllama
) -> None:
    runner.behaviour.first_token_delay = 0.3
    runner.behaviour.token_delay = 0.02
    address = socket_in(await opened(as_alice, await asked(as_alice)))
    async with watching(as_alice, address) as first, watching(as_alice, address) as second:
        ends = await asyncio.gather(until_closed(first), until_closed(second))
    assert ends[0][-1] == ends[1][-1]


class LongPauses(SystemClock):
    """Each pause between two messages lasts until the test ends them all."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.over = asyncio.Event()

    @override
    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self.over.wait()


async def test_what_is_written_in_a_pause_is_sent_together_after_it(
    as_alice: Browser,
    document: TestDocument,
    runner: FakeOllama,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = LongPauses()
    monkeypatch.setattr(
        answer_socket, "AnswerHtml", lambda live, _, markdown: AnswerHtml(live, clock, markdown)
    )
    runner.behaviour.answer = "word " * 100
    runner.behaviour.token_delay = 0.005
    address = await asked(as_alice)
    async with watching(as_alice, socket_in(await opened(as_alice, address))) as socket:
        reading = asyncio.create_task(until_closed(socket))
        await finished(as_alice, address)
        clock.over.set()
        messages = await reading
    assert len(clock.asked) == 1
    assert 0 < clock.asked[0] <= RENDER_SECONDS
    # The first word or words, and all that came in the pause; then the whole message.
    assert 1 <= sum("<p>word" in message for message in messages[:-1]) <= 2


async def test_stop_ends_the_socket_with_the_stopped_answer(
    as_alice: Browser, document: TestDocument, slow: FakeOllama
) -> None:
    page = await opened(as_alice, await asked(as_alice))
    form = answer_in(page).select_one("form")
    assert form is not None
    async with watching(as_alice, socket_in(page)) as socket:
        await socket.receive_str()
        # The page is sent before the model is asked, and then there is nothing to break off.
        await slow.until(lambda: slow.active == 1)
        answer = await as_alice.post(str(form["action"]), fragment=True)
        assert answer.status == 204
        messages = await until_closed(socket)
    assert "You stopped this answer." in messages[-1]
    await slow.until(lambda: slow.aborted == 1)


async def test_a_finished_answer_is_sent_whole_at_once(
    as_alice: Browser, document: TestDocument
) -> None:
    page = await finished(as_alice, await asked(as_alice))
    message = str(answer_in(page)["id"]).removeprefix("message-")
    async with watching(as_alice, f"/ws/1/answers/{message}") as socket:
        messages = await until_closed(socket)
    assert len(messages) == 1


async def test_only_the_owner_may_watch(
    as_alice: Browser, as_bob: Browser, nobody: Browser, document: TestDocument, slow: FakeOllama
) -> None:
    address = socket_in(await opened(as_alice, await asked(as_alice)))
    for browser in (as_bob, nobody):
        with pytest.raises(WSServerHandshakeError):
            await browser.client.ws_connect(address)


async def test_another_sites_page_may_not_watch(
    as_alice: Browser, document: TestDocument, slow: FakeOllama
) -> None:
    address = socket_in(await opened(as_alice, await asked(as_alice)))
    with pytest.raises(WSServerHandshakeError) as refused:
        await as_alice.client.ws_connect(address, origin="https://elsewhere.example")
    assert refused.value.status == 403


async def test_a_revoked_session_closes_its_sockets(
    as_alice: Browser, alice: Account, database: Database, document: TestDocument, slow: FakeOllama
) -> None:
    address = socket_in(await opened(as_alice, await asked(as_alice)))
    async with watching(as_alice, address) as socket, asyncio.timeout(30):
        await socket.receive_str()
        async with database.connection() as connection:
            await connection.execute(
                "SELECT pg_notify('cloister_chat', %s)", (f"revoked:{alice.id}",)
            )
        while (await socket.receive()).type == WSMsgType.TEXT:
            pass
        assert socket.close_code == 1008


async def test_a_session_that_ends_while_the_socket_opens_shows_nothing(
    *,
    site: TestServer,
    as_alice: Browser,
    alice: Account,
    database: Database,
    document: TestDocument,
    slow: FakeOllama,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The socket subscribes before it checks the session, so that no revocation is missed."""
    address = socket_in(await opened(as_alice, await asked(as_alice)))
    accounts = site.app[keys.ACCOUNTS]
    extend = accounts.extend_session

    async def extended_and_ended(token: str) -> None:
        await extend(token)
        async with database.connection() as connection:
            await AccountStore(connection).end_sessions_of(alice.id)

    monkeypatch.setattr(accounts, "extend_session", extended_and_ended)
    with pytest.raises(WSServerHandshakeError) as refused:
        await as_alice.client.ws_connect(address)
    assert refused.value.status == 401


async def test_a_conversation_that_is_deleted_elsewhere_is_told_and_not_asked_for_again(
    as_alice: Browser,
    document: TestDocument,
    slow: FakeOllama,
    caplog: pytest.LogCaptureFixture,
) -> None:
    address = await asked(as_alice)
    async with watching(as_alice, socket_in(await opened(as_alice, address))) as socket:
        await socket.receive_str()
        assert (await as_alice.post(f"{address}/delete")).status == 303
        messages = await until_closed(socket)
        assert socket.close_code == 1008
    (article,) = BeautifulSoup(messages[-1], "html.parser").select("article")
    assert article["hx-swap-oob"] == "true"
    assert "There is no such answer." in article.text
    assert "Traceback" not in caplog.text


async def test_without_the_database_the_page_comes_back_later(
    as_alice: Browser,
    document: TestDocument,
    slow: FakeOllama,
    site: TestServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def unavailable(*_: object) -> None:
        raise DatabaseUnavailableError

    page = await opened(as_alice, await asked(as_alice))
    form = answer_in(page).select_one("form")
    assert form is not None
    async with watching(as_alice, socket_in(page)) as socket:
        await socket.receive_str()
        monkeypatch.setattr(site.app[keys.CONVERSATIONS], "citations", unavailable)
        assert (await as_alice.post(str(form["action"]), fragment=True)).status == 204
        await until_closed(socket)
        assert socket.close_code == 1012
    assert "Traceback" not in caplog.text


async def test_a_waiting_person_reads_how_many_come_before(
    site: TestServer, as_alice: Browser, document: TestDocument, runner: FakeOllama
) -> None:
    runner.behaviour.first_token_delay = 60
    admission = site.app[keys.ANSWERING].admission
    address = ""
    for number in range(1, 7):
        address = await asked(as_alice)
        async with asyncio.timeout(30):
            while admission.running + admission.waiting < number:
                await asyncio.sleep(0.005)
    async with watching(as_alice, socket_in(await opened(as_alice, address))) as socket:
        seen = await socket.receive_str()
    # One account has half of the four slots.
    assert "Waiting: 3 answers before yours…" in seen


async def test_a_page_that_reads_nothing_delays_no_answer(
    as_alice: Browser, document: TestDocument, runner: FakeOllama
) -> None:
    runner.behaviour.answer = "A long line of words [1]. " * 300
    runner.behaviour.token_delay = 0.001
    address = await asked(as_alice)
    async with watching(as_alice, socket_in(await opened(as_alice, address))) as socket:
        page = await finished(as_alice, address)
        assert answer_in(page).text.count("A long line") == 300
        messages = await until_closed(socket)
    assert "Used 1 of 1 passage" in messages[-1]


async def test_the_end_of_the_server_keeps_the_answer_and_closes_its_sockets(
    site: TestServer,
    as_alice: Browser,
    alice: Account,
    chat_database: Database,
    document: TestDocument,
    slow: FakeOllama,
) -> None:
    address = await asked(as_alice)
    async with watching(as_alice, socket_in(await opened(as_alice, address))) as socket:
        while "First paragraph" not in await socket.receive_str():
            pass
        async with asyncio.timeout(30):
            await asyncio.gather(site.close(), until_closed(socket))
    thread = await Conversations(chat_database, InlineMarkdown()).thread(
        alice, UUID(address.rpartition("/")[2])
    )
    assert thread.messages[1].state == MessageState.INTERRUPTED
    assert "First paragraph" in thread.messages[1].text
    assert len(thread.citations_of(thread.messages[1])) == 1
