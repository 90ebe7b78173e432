"""How the document reader is, as its supervisor sees it and chat servers read it from a file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

from appliance.core.files import read_word


class ReaderCondition(StrEnum):
    """What is known about the document reader without asking it.

    RECOVERING passes by itself within seconds. GIVEN_UP: it failed too often, and is only tried
    again now and then.
    """

    SERVING = "serving"
    RECOVERING = "recovering"
    STOPPED = "stopped"
    GIVEN_UP = "given up"


KnowReader = Callable[[], Awaitable[ReaderCondition | None]]


def published_reader(path: Path) -> KnowReader:
    """Return a function that reads what the supervisor has written to `path`.

    Without such a file nothing is known: no supervisor runs.
    """

    async def read() -> ReaderCondition | None:
        return await read_word(path, ReaderCondition)

    return read
