"""A model that writes faster than its text is worked on does not keep the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from appliance.accounts.model import Account
from appliance.answering.answer_stream import AnswerStream
from appliance.answering.budget import TokenCalibration, fit
from appliance.answering.choice import ChatModel
from appliance.answering.composer import Composer
from appliance.answering.model import AnswerRequest
from appliance.llm.model import ChatChunk
from tests.builders.answers import FixedRetriever, passage

CHUNKS = 300


class Flood:
    """A model whose whole answer is there at once."""

    async def chat(self, *_: object, **__: object) -> AsyncIterator[ChatChunk]:
        """Yield the chunks without waiting."""
        for _number in range(CHUNKS):
            yield ChatChunk("word ", done=False)


async def test_the_loop_goes_on_between_the_chunks() -> None:
    anything = cast("Any", None)
    composer = Composer(FixedRetriever(), cast("Any", Flood()), anything, anything)
    fitted = fit("When?", (passage(),), (), rules_tokens=100, calibration=TokenCalibration(8192))
    request = AnswerRequest(cast("Account", None), "When?")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    parts = composer._write(request, ChatModel("model", 8192), AnswerStream(fitted))
    async with aclosing(parts):
        async for _ in parts:
            pass
    counting.cancel()
    assert turns >= CHUNKS
