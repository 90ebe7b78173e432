"""What a hostile member can send with the rights that every member has."""

from __future__ import annotations

import asyncio
import io
import itertools
import random
from collections.abc import Awaitable, Callable
from functools import partial

import aiohttp
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from yarl import URL

from appliance.accounts.guard import VISITOR_COOKIE
from appliance.web import csrf
from tests.soak.members import Member
from tests.soak.record import Record

Habit = Callable[[], Awaitable[None]]
# One character that NFKC makes eighteen of.
_EIGHTEENFOLD = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"
_QUERIES = (
    _EIGHTEENFOLD * 19_999,
    "|" * 10_000 + "\n" + "-|" * 4_900,
    "漢" * 19_999,
    "한. " * 6_600,
    " ".join(f"word{number}" for number in range(2_000)),
)
_AT_ONCE = 20
_PAUSE_SECONDS = 0.2


def habits(person: Member, record: Record) -> list[Habit]:
    """Return what one hostile member repeats all the time, all of it at once."""
    numbers = itertools.count()
    chance = random.Random(person.name)  # noqa: S311  the same each time
    return [
        partial(_search, person, record),
        partial(_embed, person, record),
        partial(_ask_and_leave, chance, person, record),
        partial(_flood_the_queue, numbers, person, record),
        partial(_poison, numbers, person, record),
        partial(_guess, person, record),
        partial(_speak_nonsense, person, record),
    ]


async def _search(person: Member, record: Record) -> None:
    await asyncio.gather(
        *(
            _post(person, record, "search", "/api/search", {"query": query, "k": 50})
            for query in _QUERIES
            for _ in range(_AT_ONCE // len(_QUERIES))
        )
    )


async def _embed(person: Member, record: Record) -> None:
    body = {"model": "fake-embed", "input": ["word " * 100] * 200}
    await asyncio.gather(
        *(_post(person, record, "embeddings", "/v1/embeddings", body) for _ in range(_AT_ONCE))
    )


async def _ask_and_leave(chance: random.Random, person: Member, record: Record) -> None:
    """Ask many questions in one moment, and hang up on each at another moment."""
    body = {"stream": True, "messages": [{"role": "user", "content": "How high is the tower?"}]}

    async def one() -> None:
        try:
            async with asyncio.timeout(chance.uniform(0.0, 0.6)):
                await _post(person, record, "question", "/v1/chat/completions", body)
        except TimeoutError:
            record.hostile["question: left"] += 1

    await asyncio.gather(*(one() for _ in range(2 * _AT_ONCE)))


async def _flood_the_queue(numbers: itertools.count[int], person: Member, record: Record) -> None:
    """Keep many documents waiting to be read, and delete them again."""
    texts = (f"Filler {next(numbers)} of {person.name}. " * 200 for _ in range(_AT_ONCE))
    files = [("filler.txt", text.encode()) for text in texts]
    await _upload_and_delete(person, record, "filler", files)


async def _poison(numbers: itertools.count[int], person: Member, record: Record) -> None:
    """Send files below a kilobyte or a megabyte that are hard to read."""
    number = next(numbers)
    files = [
        ("words.pdf", _pdf(f"{'a' * (50_000 + number)} {'b' * 50_000}")),
        ("tags.html", b"<a " * 10_000 + str(number).encode()),
        ("headings.md", b"# h\n" * 20_000 + str(number).encode()),
        ("table.csv", b"a,b\n1," + b"x" * 1_000_000 + str(number).encode()),
    ]
    await _upload_and_delete(person, record, "poison", files)


async def _guess(person: Member, record: Record) -> None:
    """Guess the password of another person, as a visitor who is not signed in."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as visitor:
        url = f"{person.address}/sign-in"
        async with visitor.get(url):
            cookie = jar.filter_cookies(URL(person.address))[VISITOR_COOKIE].value
        form = {csrf.FIELD: csrf.token(cookie), "name": "anna", "password": "not the password"}
        async with visitor.post(url, data=form) as answer:
            record.hostile[f"guess: {answer.status}"] += 1
    await asyncio.sleep(_PAUSE_SECONDS)


async def _speak_nonsense(person: Member, record: Record) -> None:
    """Send what is not HTTP, or hardly, and leave."""
    host, port = "127.0.0.1", int(person.address.rpartition(":")[2])
    lines = (
        b"GET /sign-in HTTP/1.0\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n{",
        b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\x01\x02\x03" * 100,
    )
    for line in lines:
        _, writer = await asyncio.open_connection(host, port)
        writer.write(line)
        await asyncio.sleep(_PAUSE_SECONDS)
        writer.transport.abort()
        record.hostile["nonsense"] += 1


async def _post(person: Member, record: Record, what: str, path: str, body: object) -> None:
    try:
        async with person.programs.post(f"{person.address}{path}", json=body) as answer:
            await answer.read()
            record.hostile[f"{what}: {answer.status}"] += 1
    # A member who sends too much waits for himself: that he gives up is no failure of the machine.
    except (aiohttp.ClientError, TimeoutError) as error:
        record.hostile[f"{what}: {type(error).__name__}"] += 1
        await asyncio.sleep(_PAUSE_SECONDS)


async def _upload_and_delete(
    person: Member, record: Record, what: str, files: list[tuple[str, bytes]]
) -> None:
    kept = []
    for name, content in files:
        form = aiohttp.FormData()
        form.add_field("file", content, filename=name)
        async with person.programs.post(f"{person.address}/api/documents", data=form) as answer:
            record.hostile[f"{what}: {answer.status}"] += 1
            if answer.ok:
                kept.append((await answer.json())["id"])
    await asyncio.sleep(10 * _PAUSE_SECONDS)
    for document in kept:
        async with person.programs.delete(f"{person.address}/api/documents/{document}"):
            pass


def _pdf(text: str) -> bytes:
    """Return a PDF of one page whose text, compressed, is tiny."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, pageCompression=1)
    canvas.drawString(50, 700, text)
    canvas.save()
    return file.getvalue()
