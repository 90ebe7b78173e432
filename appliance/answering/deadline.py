"""How long an answer may take in all, including its time in the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from appliance.answering.errors import TookTooLongError
from appliance.answering.model import Part


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which an answer is abandoned."""

    deadline: float = 900.0


async def until_deadline(
    parts: AsyncGenerator[Part, None], limits: Limits
) -> AsyncGenerator[Part, None]:
    """Yield the parts of an answer until its deadline. Raises TookTooLongError then."""
    end = asyncio.get_running_loop().time() + limits.deadline
    async with aclosing(parts):
        while True:
            try:
                async with asyncio.timeout_at(end):
                    part = await anext(parts, None)
            except TimeoutError as error:
                raise TookTooLongError(minutes=max(1, round(limits.deadline / 60))) from error
            if part is None:
                return
            yield part
