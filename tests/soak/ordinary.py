"""What ordinary members do all day: look, search, ask, and add a document now and then."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus

import aiohttp

from tests.soak.members import Member
from tests.soak.record import Record, UnexpectedAnswerError

Habit = Callable[[], Awaitable[None]]
FACT = "The tower of Bonn is 55 metres high and was built in 1899. Its guide is called {name}."
QUESTION = "How high is the tower of Bonn?"
_PAUSE_SECONDS = 0.5
_LOOK_SECONDS = 0.25
_FINISHED = {"ready", "failed", "quarantined"}


async def prepare(people: Sequence[Member]) -> None:
    """Give each member one document that answers the question."""
    for person in people:
        document = await _upload(person, "tower.txt", FACT.format(name=person.name))
        await _until_read(person, document)


def habits(people: Sequence[Member], record: Record) -> list[Habit]:
    """Return what is repeated all the time."""
    numbers = itertools.count()
    return [
        partial(habit, person, record)
        for person in people
        for habit in (_look, _search, _ask, partial(_add, numbers))
    ]


async def _look(person: Member, record: Record) -> None:
    for path in ("/", "/library", "/account"):
        with record.ordinary(f"page {path}"):
            async with person.browser.session.get(f"{person.address}{path}") as page:
                _expect(page, HTTPStatus.OK)
                await page.read()
        await asyncio.sleep(_PAUSE_SECONDS)


async def _search(person: Member, record: Record) -> None:
    with record.ordinary("search"):
        async with person.programs.post(
            f"{person.address}/api/search", json={"query": QUESTION}
        ) as answer:
            _expect(answer, HTTPStatus.OK)
            if not (await answer.json())["passages"]:
                message = "no passages"
                raise UnexpectedAnswerError(message)
    await asyncio.sleep(_PAUSE_SECONDS)


async def _ask(person: Member, record: Record) -> None:
    """Ask; the stream must begin at once, if only with the place in the queue, and must end."""
    body = {"stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    with record.ordinary("question, until its stream begins"):
        answer = await person.programs.post(f"{person.address}/v1/chat/completions", json=body)
        _expect(answer, HTTPStatus.OK)
    with record.ordinary("question, until its end", is_limited=False):
        async with answer:
            text = await answer.text()
        if "[1]" not in text or "[DONE]" not in text:
            raise UnexpectedAnswerError(text[-200:])
    await asyncio.sleep(_PAUSE_SECONDS)


async def _add(numbers: itertools.count[int], person: Member, record: Record) -> None:
    text = f"{FACT.format(name=person.name)} Note {next(numbers)}."
    document = ""
    with record.ordinary("upload"):
        document = await _upload(person, "note.txt", text)
    if document:
        with record.ordinary("upload, until it is read", is_limited=False):
            if (state := await _until_read(person, document)) != "ready":
                raise UnexpectedAnswerError(state)
        async with person.programs.delete(f"{person.address}/api/documents/{document}") as answer:
            _expect(answer, HTTPStatus.NO_CONTENT)
    await asyncio.sleep(_PAUSE_SECONDS)


async def _upload(person: Member, name: str, text: str) -> str:
    form = aiohttp.FormData()
    form.add_field("file", text.encode(), filename=name)
    async with person.programs.post(f"{person.address}/api/documents", data=form) as answer:
        _expect(answer, HTTPStatus.ACCEPTED)
        return str((await answer.json())["id"])


async def _until_read(person: Member, document: str) -> str:
    while True:
        async with person.programs.get(f"{person.address}/api/documents/{document}") as answer:
            _expect(answer, HTTPStatus.OK)
            state = str((await answer.json())["status"])
        if state in _FINISHED:
            return state
        await asyncio.sleep(_LOOK_SECONDS)


def _expect(answer: aiohttp.ClientResponse, status: HTTPStatus) -> None:
    if answer.status != status:
        message = f"{answer.status} instead of {status.value}"
        raise UnexpectedAnswerError(message)
