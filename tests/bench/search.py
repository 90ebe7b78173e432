"""How long a search takes, beside a request that does nothing on the same way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import cycle

import aiohttp

from tests.bench.figures import figures, milliseconds
from tests.bench.load import Plan, closed_loop
from tests.bench.table import Row

USERS = (1, 10)
THINK_SECONDS = {1: 0.01, 10: 0.3}


async def search(
    session: aiohttp.ClientSession, address: str, questions: list[str], seconds: float
) -> list[Row]:
    """Measure one reader who hardly pauses, and ten who do."""
    asked = cycle(questions)
    rows = []
    for users in USERS:
        plan = Plan(users, seconds, THINK_SECONDS[users], warm_up=2.0)
        nothing = await closed_loop(plan, lambda: _nothing(session, address), seed=users)
        load = await closed_loop(plan, lambda: search_once(session, address, asked), seed=users)
        ours, theirs = figures(load.answers), figures(nothing.answers)
        name = "one after the other" if users == 1 else f"{users} readers"
        rows.append(
            Row(
                f"search, {name} ({len(load.answers) / seconds:.0f}/s)",
                str(ours),
                f"GET /health: {theirs}",
                f"p50 +{milliseconds(ours.median - theirs.median)}, "
                f"p95 +{milliseconds(ours.p95 - theirs.p95)}",
            )
        )
    return rows


async def answerable(
    session: aiohttp.ClientSession, address: str, questions: list[str]
) -> list[str]:
    """Return the questions that find passages: for the others no model would be asked."""
    found = [question for question in questions if await _passages(session, address, question)]
    if len(found) < len(questions) / 2:
        message = f"only {len(found)} of {len(questions)} questions found passages"
        raise RuntimeError(message)
    return found


async def search_once(session: aiohttp.ClientSession, address: str, asked: Iterator[str]) -> float:
    """Search for the next question; return the seconds."""
    begin = time.perf_counter()
    await _passages(session, address, next(asked))
    return time.perf_counter() - begin


async def _passages(session: aiohttp.ClientSession, address: str, question: str) -> int:
    async with session.post(f"{address}/api/search", json={"query": question}) as response:
        response.raise_for_status()
        return len((await response.json())["passages"])


async def _nothing(session: aiohttp.ClientSession, address: str) -> float:
    begin = time.perf_counter()
    async with session.get(f"{address}/health") as response:
        response.raise_for_status()
        await response.read()
    return time.perf_counter() - begin
