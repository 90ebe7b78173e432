"""One member who sends all that a program can send, and ten others who ask questions."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import aiohttp

from tests.bench.figures import Figures, figures, times
from tests.bench.first_token import VECTOR_MODEL, Answered, Targets
from tests.bench.load import Load, Plan, closed_loop
from tests.bench.members import Headers
from tests.bench.processes import Process, Work
from tests.bench.table import Row

GOAL = 2.0
USERS, THINK_SECONDS = 10, 3.0
# How many requests of each kind the member keeps open; a refused one is repeated at once.
QUESTIONS, SEARCHES, EMBEDDINGS, UPLOADS = 20, 20, 10, 10
SETTLE_SECONDS = 2.0
DRAINED_WITHIN = 300.0
_TEXTS = ["word " * 100] * 200
_LONG_QUERY = " ".join(f"word{number}" for number in range(500))


@dataclass(frozen=True, slots=True)
class Shared:
    """What the ten waited for: alone, and beside the heavy member."""

    alone: Load[Answered]
    beside: Load[Answered]
    heavy: HeavyMember
    work: str

    def row(self) -> Row:
        """Return the table's line."""
        alone, beside = _first_tokens(self.alone), _first_tokens(self.beside)
        ratio = beside.p95 / alone.p95
        return Row(
            "first token, one heavy member, ten others",
            str(beside),
            f"the ten alone: {alone}",
            f"p95 {times(ratio)}",
            f"p95 at most {times(GOAL)}",
            ratio <= GOAL,
        )

    def note(self) -> str:
        """Return what the heavy member sent, and what came of it."""
        sent = "; ".join(
            f"{kind} "
            + ", ".join(f"{number} of {status}" for status, number in sorted(found.items()))
            for kind, found in self.heavy.statuses.items()
        )
        return (
            f"one heavy member: in {self.beside.elapsed:.0f} s it got {sent}; of one core: "
            f"{self.work}"
        )


async def heavy_member(
    targets: Targets, heavy: Headers, home: Path, runner: Process, seconds: float
) -> Shared:
    """Measure the ten alone, then with the heavy member beside them."""
    plan = Plan(USERS, seconds, THINK_SECONDS)
    alone = await closed_loop(plan, targets.ask_cloister, seed=USERS)
    await asyncio.sleep(SETTLE_SECONDS)
    member = HeavyMember(targets, heavy)
    before = Work.of(home, [runner])
    async with member.busy():
        beside = await closed_loop(plan, targets.ask_cloister, seed=USERS)
    work = Work.of(home, [runner]).since(before, beside.elapsed)
    await member.until_read()
    return Shared(alone, beside, member, work)


@dataclass(frozen=True, slots=True)
class HeavyMember:
    """Keeps many requests of each kind open, without a pause and without regard to refusals."""

    targets: Targets
    headers: Headers
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=count)

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Send while the block runs."""
        kinds: list[tuple[str, int, Callable[[], Awaitable[int]]]] = [
            ("questions", QUESTIONS, self._ask),
            ("searches", SEARCHES, self._search),
            ("embeddings", EMBEDDINGS, self._embed),
            ("uploads", UPLOADS, self._upload),
        ]
        tasks = [
            asyncio.create_task(self._repeat(kind, send), name=f"heavy member: {kind}")
            for kind, number, send in kinds
            for _ in range(number)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until_read(self) -> None:
        """Wait until its uploads are read, so that what is measured next is undisturbed."""
        end = time.perf_counter() + DRAINED_WITHIN
        while time.perf_counter() < end:
            url = f"{self.targets.address}/api/documents"
            async with self.targets.session.get(
                url, params={"limit": "1000"}, headers=self.headers
            ) as response:
                response.raise_for_status()
                documents = (await response.json())["documents"]
            if not any(each["status"] in {"queued", "reading"} for each in documents):
                return
            await asyncio.sleep(0.5)
        message = f"the uploads were not read within {DRAINED_WITHIN:.0f} s"
        raise RuntimeError(message)

    async def _repeat(self, kind: str, send: Callable[[], Awaitable[int]]) -> None:
        counted = self.statuses.setdefault(kind, Counter())
        while True:
            counted[await send()] += 1

    async def _ask(self) -> int:
        messages = [{"role": "user", "content": next(self.targets.questions)}]
        return await self._post("/v1/chat/completions", json={"messages": messages})

    async def _search(self) -> int:
        return await self._post("/api/search", json={"query": _LONG_QUERY, "k": 50})

    async def _embed(self) -> int:
        return await self._post("/v1/embeddings", json={"model": VECTOR_MODEL, "input": _TEXTS})

    async def _upload(self) -> int:
        number = next(self._numbers)
        form = aiohttp.FormData()
        content = f"Filler number {number}. ".encode() * 50
        form.add_field("file", content, filename=f"filler-{number}.txt")
        return await self._post("/api/documents", data=form)

    async def _post(self, path: str, **body: object) -> int:
        async with self.targets.session.post(
            f"{self.targets.address}{path}",
            headers=self.headers,
            **body,  # type: ignore[arg-type]
        ) as response:
            await response.read()
            return response.status


def _first_tokens(load: Load[Answered]) -> Figures:
    return figures([answer.first_token for answer in load.answers])
