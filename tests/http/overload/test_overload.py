"""Many at once: each is served in turn or asked to come back; no answer names the database."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from aiohttp.test_utils import TestServer

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.shares.model import Work
from tests.builders.people import add_person
from tests.builders.retrieval import TestDocument
from tests.fakes.ollama import FakeOllama
from tests.http.conftest import Browser, Visit
from tests.http.overload.conftest import QUESTION, Answer, Programs
from webchat import keys


def is_served_or_told_to_wait(answer: Answer) -> bool:
    if answer.status == 200:
        return '"finish_reason": "stop"' in answer.text or "passages" in answer.text
    has_time = answer.retry_after is not None and int(answer.retry_after) > 0
    return has_time and "database" not in answer.text.lower()


async def nothing_is_held(site: TestServer) -> bool:
    shares = site.app[keys.SHARES]
    return all(shares[work].running == shares[work].waiting == 0 for work in Work)


async def until_nothing_is_held(site: TestServer) -> None:
    async with asyncio.timeout(30):
        while not await nothing_is_held(site):
            await asyncio.sleep(0.02)


async def test_two_hundred_questions_at_once_are_answered_or_told_to_wait(
    program: Programs, site: TestServer, runner: FakeOllama
) -> None:
    runner.behaviour.answer = "On 3 May [1]."
    people = [await program(f"person{number}") for number in range(12)]
    answers = await asyncio.gather(*(people[number % 12].ask() for number in range(200)))
    assert all(map(is_served_or_told_to_wait, answers)), Counter(
        (answer.status, answer.text[:200]) for answer in answers
    )
    assert sum(answer.status == 200 for answer in answers) == 200
    assert runner.most_active <= 8
    await until_nothing_is_held(site)


async def test_what_one_account_asks_too_much_is_refused_with_a_time(
    program: Programs, site: TestServer, runner: FakeOllama
) -> None:
    runner.behaviour.answer = "On 3 May [1]."
    runner.behaviour.token_delay = 0.02
    alice = await program("alice")
    answers = await asyncio.gather(*(alice.ask() for _ in range(100)))
    refused = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in refused} == {429}
    assert {answer.error["code"] for answer in refused} == {"too_many_of_yours_waiting"}
    assert all(map(is_served_or_told_to_wait, answers))
    await until_nothing_is_held(site)


async def test_the_second_person_is_answered_in_turn(
    program: Programs, site: TestServer, runner: FakeOllama
) -> None:
    runner.behaviour.first_token_delay = 60
    alice, bob = await program("alice"), await program("bob")
    flood = [asyncio.create_task(alice.ask()) for _ in range(20)]
    answering = site.app[keys.ANSWERING].admission
    async with asyncio.timeout(30):
        while answering.running + answering.waiting < 20:
            await asyncio.sleep(0.01)
    await runner.until(lambda: runner.active == 2)
    runner.behaviour.first_token_delay = 0
    assert (await asyncio.wait_for(bob.ask(), 30)).status == 200
    assert not any(task.done() for task in flood)
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    await until_nothing_is_held(site)


async def test_searches_of_one_do_not_keep_another_waiting(
    program: Programs, site: TestServer
) -> None:
    alice, bob = await program("alice"), await program("bob")
    queue = site.app[keys.SHARES][Work.SEARCH]
    running = queue.enter(alice.account.id)
    searches = [asyncio.create_task(alice.search()) for _ in range(40)]
    async with asyncio.timeout(30):
        while sum(task.done() for task in searches) < 8 or queue.waiting < 32:
            await asyncio.sleep(0.01)
    # Hers wait, or were refused; his does neither.
    assert (await bob.search()).status == 200
    running.leave()
    answers = await asyncio.gather(*searches)
    assert all(map(is_served_or_told_to_wait, answers))
    refused = [answer for answer in answers if answer.status != 200]
    assert [answer.error["code"] for answer in refused] == ["too_many_searches"] * 8
    await until_nothing_is_held(site)


@pytest.mark.parametrize("kind", ["question", "search", "embedding"])
async def test_clients_that_hang_up_at_any_moment_free_their_share(
    program: Programs, site: TestServer, runner: FakeOllama, kind: str
) -> None:
    runner.behaviour.answer = "On 3 May [1]."
    runner.behaviour.token_delay = 0.005
    runner.behaviour.embed_delay = 0.005
    people = [await program(f"person{number}") for number in range(4)]
    chance = random.Random(7)  # noqa: S311 - the same each time

    async def leave_early(number: int) -> None:
        person = people[number % 4]
        work = {
            "question": person.ask,
            "search": person.search,
            "embedding": lambda: person.embed(*["word " * 20] * 20),
        }[kind]()
        try:
            async with asyncio.timeout(chance.uniform(0, 0.6)):
                await work
        except TimeoutError:
            pass

    await asyncio.gather(*(leave_early(number) for number in range(80)))
    await until_nothing_is_held(site)
    # A client that stays is served, with a database connection that works.
    runner.behaviour.token_delay = 0
    for person in people:
        assert (await person.ask()).status == 200
        assert (await person.search()).json["passages"]
        assert (await person.embed("word")).status == 200


async def test_many_people_on_the_chat_site_meet_no_error_page(
    site: TestServer, visit: Visit, database: Database, document: TestDocument, runner: FakeOllama
) -> None:
    runner.behaviour.answer = "On 3 May [1]."
    browsers = [await visit() for _ in range(25)]
    for number, browser in enumerate(browsers):
        await add_person(database, f"person{number}")
        await browser.sign_in(f"person{number}")
    tokens = [await browser.token() for browser in browsers]

    async def work(browser: Browser, token: str) -> list[int]:
        fields = {"csrf": token, "question": QUESTION}
        asked = browser.client.post("/conversations", data=fields, allow_redirects=False)
        answers = await asyncio.gather(asked, *(browser.get(path) for path in ("/", "/library")))
        opened = await browser.get(answers[0].headers["Location"])
        return [answer.status for answer in (*answers, opened)]

    statuses = await asyncio.gather(*map(work, browsers, tokens))
    assert statuses == [[303, 200, 200, 200]] * len(browsers)
    await until_nothing_is_held(site)


async def test_pages_of_one_do_not_keep_another_waiting(
    site: TestServer, alice: Account, as_alice: Browser, as_bob: Browser
) -> None:
    queue = site.app[keys.SHARES][Work.REQUEST]
    held = [queue.enter(alice.id) for _ in range(30)]
    waiting = asyncio.create_task(as_alice.get("/"))
    async with asyncio.timeout(30):
        while queue.waiting < 27:
            await asyncio.sleep(0.01)
    assert (await as_bob.get("/")).status == 200
    assert not waiting.done()
    for ticket in held:
        ticket.leave()
    assert (await waiting).status == 200
    assert await nothing_is_held(site)
