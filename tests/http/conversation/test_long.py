"""A long conversation shows its last messages, and earlier ones when they are asked for."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from aiohttp.test_utils import TestServer
from bs4 import BeautifulSoup

from appliance.accounts.model import Account
from appliance.conversations.model import PageSize
from appliance.db.pool import Database
from appliance.web import markdown
from tests.http.conftest import Browser
from tests.http.conversation.conftest import opened
from webchat import keys

SHOWN = PageSize().messages


async def conversation(database: Database, owner: Account, messages: int, text: str) -> str:
    """Save a conversation as an earlier version did, without HTML; return its address."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "INSERT INTO chat.conversation (account_id, title) VALUES (%s, 'Long') RETURNING id",
            (owner.id,),
        )
        row = await cursor.fetchone()
        assert row is not None
        await connection.execute(
            "INSERT INTO chat.message (conversation_id, ordinal, author, state, kind, text, worker)"
            " SELECT %(id)s, n, CASE n %% 2 WHEN 1 THEN 'person' ELSE 'cloister' END, 'complete',"
            " CASE n %% 2 WHEN 0 THEN 'generated' END, %(text)s || ' *number* ' || n || '.',"
            " CASE n %% 2 WHEN 0 THEN 1 END FROM generate_series(1, %(messages)s) AS n",
            {"id": row[0], "text": text, "messages": messages},
        )
    return f"/conversations/{row[0]}"


def numbers(page: BeautifulSoup) -> list[int]:
    """Return the numbers of the messages that a page shows."""
    texts = [each.text for each in page.select(".message--person, .message .prose")]
    return [int(text.rpartition("number")[2].strip(" *.\n")) for text in texts]


async def kept(database: Database, address: str) -> int:
    """Return how many messages have HTML."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(html) FROM chat.message WHERE conversation_id = %s AND html_version = %s",
            (UUID(address.rpartition("/")[2]), markdown.VERSION),
        )
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


async def test_the_last_messages_are_shown_and_earlier_ones_are_a_link_away(
    as_alice: Browser, alice: Account, database: Database
) -> None:
    address = await conversation(database, alice, 100, "Message")
    page = await opened(as_alice, address)
    assert numbers(page) == list(range(101 - SHOWN, 101))
    seen = numbers(page)
    while link := page.select_one("#earlier"):
        assert link.text.strip() == "Show earlier messages"
        page = await opened(as_alice, str(link["href"]))
        assert page.select_one("h1") is not None
        newest = page.select_one(f'.messages a[href="{address}"]')
        assert newest is not None
        assert newest.text.strip() == "Show the newest messages"
        assert page.select_one("#composer[hx-post]") is None, "rows would follow the wrong ones"
        seen = numbers(page) + seen
    assert seen == list(range(1, 101))


async def test_htmx_gets_the_earlier_messages_alone(
    as_alice: Browser, alice: Account, database: Database
) -> None:
    address = await conversation(database, alice, 60, "Message")
    link = (await opened(as_alice, address)).select_one("#earlier")
    assert link is not None
    assert link["href"] == link["hx-get"]
    answer = await as_alice.client.get(str(link["hx-get"]), headers={"HX-Request": "true"})
    part = BeautifulSoup(await answer.text(), "html.parser")
    assert numbers(part) == list(range(1, 61 - SHOWN))
    assert part.select("html, .composer, #messages, #earlier, .messages__more") == []


async def test_a_short_conversation_has_no_link(
    as_alice: Browser, alice: Account, database: Database
) -> None:
    page = await opened(as_alice, await conversation(database, alice, SHOWN, "Message"))
    assert numbers(page) == list(range(1, SHOWN + 1))
    assert page.select(".messages__more") == []


async def test_long_messages_are_shown_in_smaller_parts(
    as_alice: Browser, alice: Account, database: Database
) -> None:
    address = await conversation(database, alice, 40, "word " * 20_000)
    page = await opened(as_alice, address)
    assert 2 <= len(numbers(page)) < 20
    assert numbers(page)[-1] == 40
    huge = await conversation(database, alice, 4, "word " * 200_000)
    assert numbers(await opened(as_alice, huge)) == [3, 4]


async def test_html_is_made_at_the_first_view_and_kept(
    as_alice: Browser,
    alice: Account,
    database: Database,
    site: TestServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = await conversation(database, alice, 6, "Message")
    page = await opened(as_alice, address)
    assert len(page.select(".prose em")) == 3
    assert await kept(database, address) == 3
    monkeypatch.setattr(site.app[keys.MARKDOWN], "render", None)
    assert str(page.select_one("#messages")) == str(
        (await opened(as_alice, address)).select_one("#messages")
    )


async def test_html_of_another_version_is_made_again(
    as_alice: Browser, alice: Account, database: Database
) -> None:
    address = await conversation(database, alice, 2, "Message")
    async with database.connection() as connection:
        await connection.execute("UPDATE chat.message SET html = 'old', html_version = 0")
    page = await opened(as_alice, address)
    assert numbers(page) == [1, 2]
    assert "old" not in page.select_one("#messages").text  # type: ignore[union-attr]
    assert await kept(database, address) == 1


async def test_while_nothing_can_be_rendered_the_text_is_shown(
    as_alice: Browser,
    alice: Account,
    database: Database,
    site: TestServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(_text: str) -> None:
        return None

    monkeypatch.setattr(site.app[keys.MARKDOWN], "render", fail)
    address = await conversation(database, alice, 2, "<b>Message")
    page = await opened(as_alice, address)
    assert "<b>Message *number* 2." in page.select_one(".prose .plain").text  # type: ignore[union-attr]
    assert await kept(database, address) == 0


async def test_before_the_first_message_there_is_none(
    as_alice: Browser, alice: Account, database: Database
) -> None:
    address = await conversation(database, alice, 2, "Message")
    assert (await as_alice.get(f"{address}?until=1")).status == 404
    assert numbers(await opened(as_alice, f"{address}?until=many")) == [1, 2]


async def test_a_view_costs_the_loop_less_than_rendering_would(
    as_alice: Browser, alice: Account, database: Database
) -> None:
    text = "- a *point* of **a list**\n" * 600
    address = await conversation(database, alice, 20, text)
    started = time.thread_time()
    markdown.to_html(text)
    rendering = 10 * (time.thread_time() - started)
    started = time.thread_time()
    answer = await as_alice.get(address)
    page = await answer.text()
    spent = time.thread_time() - started
    assert page.count("<li>") > 600
    assert spent < rendering / 2
