"""Users that ask, read, think and ask again: a closed loop in one lean process."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tests.bench.figures import Figures, figures

Answer = TypeVar("Answer")
Ask = Callable[[], Awaitable[Answer]]
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Plan:
    """How a load goes; users think for `think` seconds on average."""

    users: int
    seconds: float
    think: float
    warm_up: float = 3.0


@dataclass(slots=True)
class Load(Generic[Answer]):
    """What a load brought: the answers that were asked for after the warm-up."""

    answers: list[Answer] = field(default_factory=list)
    elapsed: float = 0.0
    lags: list[float] = field(default_factory=list)

    @property
    def lag(self) -> Figures:
        """How late this process was: what it adds to what it measures."""
        return figures(self.lags)


async def closed_loop(plan: Plan, ask: Ask[Answer], seed: int) -> Load[Answer]:
    """Run the users until the time is over; what they wait for then is still waited for."""
    load: Load[Answer] = Load()
    begin = time.perf_counter()
    counts_from, end = begin + plan.warm_up, begin + plan.warm_up + plan.seconds

    async def user(number: int) -> None:
        chance = random.Random(seed + number)  # noqa: S311  the same each time
        await asyncio.sleep(chance.uniform(0, min(2 * plan.think, plan.warm_up)))
        while (asked := time.perf_counter()) < end:
            answer = await ask()
            if asked >= counts_from:
                load.answers.append(answer)
            await asyncio.sleep(chance.uniform(plan.think / 2, plan.think * 3 / 2))

    watching = asyncio.create_task(_watch(load.lags))
    try:
        async with asyncio.TaskGroup() as users:
            for number in range(plan.users):
                users.create_task(user(number))
    finally:
        watching.cancel()
    load.elapsed = time.perf_counter() - begin
    return load


async def all_at_once(users: int, ask: Ask[Answer]) -> Load[Answer]:
    """Let all users ask one question at the same moment."""
    load: Load[Answer] = Load()
    begin = time.perf_counter()
    watching = asyncio.create_task(_watch(load.lags))
    load.answers += await asyncio.gather(*(ask() for _ in range(users)))
    watching.cancel()
    load.elapsed = time.perf_counter() - begin
    return load


async def _watch(lags: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_LOOK_SECONDS)
        lags.append(max(0.0, time.perf_counter() - before - _LOOK_SECONDS))
