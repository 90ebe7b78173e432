"""What a probe answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol


class ProbeState(StrEnum):
    """What was read. NOT_READY and BUSY are no failures: both pass by themselves."""

    OK = "ok"
    NOT_READY = "not ready"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One answer: the state, a sentence for people, and how long the answer took.

    `taken` is the share of a finite thing that is in use, from 0 to 1, where one was asked about.
    `silent` says that nothing came back, `dead` that nothing will: there is no need to ask again.
    """

    state: ProbeState
    sentence: str
    took_seconds: float = 0.0
    taken: float | None = None
    silent: bool = False
    dead: bool = False


class Probe(Protocol):
    """One question that can be asked again and again."""

    async def read(self) -> ProbeResult:
        """Ask, and return the answer within the probe's own time limit. Never raises."""
        ...


class Answer(NamedTuple):
    """What one kind of probe says; `measured` makes a reading of it."""

    state: ProbeState
    sentence: str
    taken: float | None = None
    silent: bool = False


async def measured(ask: Callable[[], Awaitable[Answer]], *, limit: float) -> ProbeResult:
    """Ask within `limit` seconds; an error and silence are answers like any other."""
    begun = time.monotonic()
    try:
        async with asyncio.timeout(limit):
            answer = await ask()
    except TimeoutError:
        answer = Answer(ProbeState.FAILED, f"no answer within {limit:g} s", silent=True)
    except Exception as error:  # noqa: BLE001 - a probe reports, it never raises
        answer = Answer(ProbeState.FAILED, f"{type(error).__name__}: {error}")
    took = time.monotonic() - begun
    return ProbeResult(answer.state, answer.sentence, took, answer.taken, answer.silent)
