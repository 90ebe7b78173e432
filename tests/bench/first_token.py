"""Time to the first token: through Nginx and the chat server, and from the model runner alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import aiohttp

from tests.bench.figures import Figures, figures, milliseconds, times
from tests.bench.load import Ask, Load, Plan, all_at_once, closed_loop
from tests.bench.members import Headers
from tests.bench.processes import Process, Work
from tests.bench.table import Row

MODEL, VECTOR_MODEL, VECTORS = "fake-chat:latest", "fake-embed:latest", 50
FIRST_TOKEN_SECONDS, TOKENS_A_SECOND, TOKENS = 0.2, 20, 30
SLOTS = 128
THINK_SECONDS, THINK_ALONE_SECONDS = 3.0, 0.3
GOALS = {10: 0.030, 100: 0.150}
SETTLE_SECONDS = 2.0
_WRITTEN = b'"content": "'


@dataclass(frozen=True, slots=True)
class Answered:
    """How long one answer took to its first word and to its end, in seconds."""

    first_token: float
    whole: float


@dataclass(frozen=True, slots=True)
class Targets:
    """Who is asked: the appliance, and the runner with as long a prompt.

    `askers` are the headers of the people who ask the appliance in turn.
    """

    session: aiohttp.ClientSession
    address: str
    runner: str
    questions: Iterator[str]
    prompt: str
    askers: Iterator[Headers]

    async def ask_cloister(self) -> Answered:
        """Ask through the front door; the answer streams as server-sent events."""
        body = {
            "model": "cloister",
            "stream": True,
            "messages": [{"role": "user", "content": next(self.questions)}],
        }
        url = f"{self.address}/v1/chat/completions"
        return await self._read(url, body, next(self.askers))

    async def ask_runner(self) -> Answered:
        """Ask the model runner itself."""
        messages = [{"role": "user", "content": self.prompt}]
        options = {"num_ctx": 8192, "num_predict": 2048}
        # As Cloister says it: another `shift` would load the model anew.
        body = {"model": MODEL, "messages": messages, "shift": False, "options": options}
        return await self._read(f"{self.runner}/api/chat", body)

    async def _read(self, url: str, body: object, headers: Headers | None = None) -> Answered:
        begin = time.perf_counter()
        first = None
        async with self.session.post(url, json=body, headers=headers) as response:
            response.raise_for_status()
            async for line in response.content:
                if first is None and _is_written(line):
                    first = time.perf_counter()
        if first is None:
            message = f"{url} answered without a word"
            raise RuntimeError(message)
        return Answered(first - begin, time.perf_counter() - begin)


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of users: what Cloister and the runner alone took."""

    users: str
    cloister: Load[Answered]
    alone: Load[Answered]
    goal: float | None
    work: str

    def row(self) -> Row:
        """Return the table's line."""
        ours, theirs = _first_tokens(self.cloister), _first_tokens(self.alone)
        added = ours.p95 - theirs.p95
        median = ours.median - theirs.median
        return Row(
            f"first token, {self.users}",
            str(ours),
            f"runner alone: {theirs}",
            f"p50 +{milliseconds(median)}, p95 +{milliseconds(added)} "
            f"({times(ours.p95 / theirs.p95)})",
            f"p95 adds < {milliseconds(self.goal)}" if self.goal else "",
            added < self.goal if self.goal else None,
        )

    def note(self) -> str:
        """Return what the load was, and who worked for it."""
        count = len(self.cloister.answers)
        writing = sum(answer.whole for answer in self.cloister.answers) / self.cloister.elapsed
        return (
            f"{self.users}: {count / self.cloister.elapsed:.1f} questions a second, {writing:.0f} "
            f"answers being written at once, load process late by p95 "
            f"{milliseconds(self.cloister.lag.p95)}; of one core: {self.work}"
        )


async def first_token(
    targets: Targets, home: Path, runner: Process, users: list[int], seconds: float
) -> list[Compared]:
    """Measure each number of users, the runner alone directly before Cloister."""
    found = []
    for number in users:
        plan = _plan(number, seconds)
        alone = await closed_loop(plan, targets.ask_runner, seed=number)
        await asyncio.sleep(SETTLE_SECONDS)
        before = Work.of(home, [runner])
        cloister = await closed_loop(plan, targets.ask_cloister, seed=number)
        work = Work.of(home, [runner]).since(before, cloister.elapsed)
        name = "1 user" if number == 1 else f"{number} users"
        found.append(Compared(name, cloister, alone, GOALS.get(number), work))
        await asyncio.sleep(SETTLE_SECONDS)
    return found


async def in_browsers(
    ask: Ask[Answered], alone: Load[Answered], home: Path, runner: Process, seconds: float
) -> Compared:
    """Let ten people ask on the chat site; the runner alone was measured with as many."""
    before = Work.of(home, [runner])
    cloister = await closed_loop(_plan(10, seconds), ask, seed=10)
    work = Work.of(home, [runner]).since(before, cloister.elapsed)
    return Compared("10 users on the chat site", cloister, alone, None, work)


def _plan(users: int, seconds: float) -> Plan:
    if users == 1:
        return Plan(users, seconds * 1.5, THINK_ALONE_SECONDS)
    return Plan(users, seconds, THINK_SECONDS)


async def burst(targets: Targets, home: Path, runner: Process, users: int) -> Compared:
    """Let everybody ask in the same moment, three times: the worst that `users` can do."""
    alone = await _bursts(targets.ask_runner, users)
    before, begin = Work.of(home, [runner]), time.perf_counter()
    cloister = await _bursts(targets.ask_cloister, users)
    # With the pauses between the bursts, in which the last answers are still being kept.
    work = Work.of(home, [runner]).since(before, time.perf_counter() - begin)
    return Compared(f"{users} questions in one moment", cloister, alone, None, work)


async def _bursts(ask: Ask[Answered], users: int) -> Load[Answered]:
    whole: Load[Answered] = Load()
    for _ in range(3):
        load = await all_at_once(users, ask)
        whole.answers += load.answers
        whole.lags += load.lags
        whole.elapsed += load.elapsed
        await asyncio.sleep(SETTLE_SECONDS)
    return whole


async def vector_alone(targets: Targets) -> Figures:
    """Return how long the runner itself takes for a question's vector; Cloister waits for one."""
    samples = []
    for _ in range(VECTORS):
        begin = time.perf_counter()
        body = {"model": VECTOR_MODEL, "input": [next(targets.questions)]}
        async with targets.session.post(f"{targets.runner}/api/embed", json=body) as response:
            response.raise_for_status()
            await response.read()
        samples.append(time.perf_counter() - begin)
        await asyncio.sleep(0.05)
    return figures(samples)


async def targets_for(
    session: aiohttp.ClientSession,
    address: str,
    runner: str,
    questions: list[str],
    askers: Iterator[Headers],
) -> Targets:
    """Set the runner's pace, and find out how long Cloister's prompts are."""
    pace = {
        "first_token_delay": FIRST_TOKEN_SECONDS,
        "token_delay": 1 / TOKENS_A_SECOND,
        "answer": " ".join(["word"] * (TOKENS - 1) + ["[1]"]),
    }
    async with session.post(f"{runner}/fake/behaviour", json=pace) as response:
        response.raise_for_status()
    lengths = [await _prompt_tokens(session, address, text) for text in questions[:5]]
    # The fake counts four characters a token.
    prompt = "word " * (4 * sum(lengths) // len(lengths) // 5)
    return Targets(session, address, runner, cycle(questions), prompt, askers)


async def _prompt_tokens(session: aiohttp.ClientSession, address: str, question: str) -> int:
    body = {"model": "cloister", "messages": [{"role": "user", "content": question}]}
    url = f"{address}/v1/chat/completions"
    async with session.post(url, json=body) as response:
        response.raise_for_status()
        answer = await response.json()
    if answer["kind"] != "generated":
        message = f"the model was not asked: {answer}"
        raise RuntimeError(message)
    return int(answer["usage"]["prompt_tokens"])


def _is_written(line: bytes) -> bool:
    """Return whether a line of either stream has words; nothing is decoded for the others."""
    if _WRITTEN not in line:
        return False
    content = json.loads(line.removeprefix(b"data: "))
    message = content.get("message") or content["choices"][0]["delta"]
    return bool(message.get("content", "").strip())


def _first_tokens(load: Load[Answered]) -> Figures:
    return figures([answer.first_token for answer in load.answers])
