"""A request to the model runner that is cancelled at any moment ends there, and holds nothing."""

from __future__ import annotations

import gc
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest

from appliance.llm.client import ModelRunner
from tests.cancellation import Moment, cancelled_at_each_wait
from tests.fakes.ollama import Behaviour, running_fake

Request = Callable[[ModelRunner], Coroutine[Any, Any, object]]


async def _chat(runner: ModelRunner) -> None:
    messages = [{"role": "user", "content": "When?"}]
    chunks = runner.chat("fake-chat:latest", messages, context_tokens=4096, limit_tokens=9)
    async with aclosing(chunks):
        async for _ in chunks:
            pass


async def _embed(runner: ModelRunner) -> None:
    await runner.embed("fake-embed:latest", ["pump"])


async def _models(runner: ModelRunner) -> None:
    await runner.models()


REQUESTS: dict[str, Request] = {"chat": _chat, "embed": _embed, "models": _models}


# The anyio of Debian 13 drops the socket of a connection that is cancelled in the moment in which
# it is made. Python closes it then, and warns.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <(function _SelectorTransport.__del__|socket.socket)"
    ":pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("name", REQUESTS)
async def test_it_holds_no_connection_and_stops_the_model(name: str, moment: Moment) -> None:
    behaviour = Behaviour(answer="one two three", token_delay=0.001)
    async with running_fake(behaviour) as fake, ModelRunner(fake.address) as runner:
        held = partial(_in_use, runner)
        async for wait in cancelled_at_each_wait(lambda: REQUESTS[name](runner), moment):
            await fake.until(lambda: fake.active == held() == 0)
            assert held() == 0, f"cancelled at wait {wait}"
    # What was dropped is closed now, and not in the middle of another test.
    gc.collect()


def _in_use(runner: ModelRunner) -> int:
    """Return how many connections belong to a request that has not ended."""
    pool = runner._connection._transport._pool
    return sum(not each.is_idle() and not each.is_closed() for each in pool.connections)
