"""Ask the database a question whose answer a check can do without."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from appliance.core.deadline import abandon_after
from appliance.core.errors import ApplianceError

Value = TypeVar("Value")


async def answer_or_none(ask: Callable[[], Awaitable[Value]], *, limit: float) -> Value | None:
    """Return the answer, or None where the database does not give it, or not in time."""

    async def asked() -> Value:
        return await ask()

    try:
        return await abandon_after(limit, asked())
    except (ApplianceError, TimeoutError, psycopg.Error):
        return None
