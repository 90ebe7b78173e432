"""Why a model runner does not answer: what its supervisor knows, and what a request met."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

from appliance.core.files import read_word


class RunnerCondition(StrEnum):
    """What is known about the model runner without asking it.

    ELSEWHERE means that OLLAMA_HOST names a runner that no supervisor of ours looks after.
    """

    SERVING = "serving"
    ELSEWHERE = "elsewhere"
    NOT_INSTALLED = "not installed"
    STOPPED = "stopped"
    STARTING = "starting"
    HUNG = "hung"
    FAILING = "failing"


class Silence(StrEnum):
    """Why a request has no answer, as far as one can tell."""

    NOT_INSTALLED = "not installed"
    STOPPED = "stopped"
    STARTING = "starting"
    HUNG = "hung"
    FAILING = "failing"
    UNREACHABLE = "unreachable"


KnowCondition = Callable[[], Awaitable[RunnerCondition | None]]


async def unknown_condition() -> RunnerCondition | None:
    """Know nothing: no supervisor says how the runner is."""
    return None


def published_condition(path: Path, *, elsewhere: bool = False) -> KnowCondition:
    """Return a function that reads what the supervisor has written to `path`.

    Without such a file nothing is known, but that the runner is `elsewhere`.
    """

    async def read() -> RunnerCondition | None:
        found = await read_word(path, RunnerCondition)
        return RunnerCondition.ELSEWHERE if found is None and elsewhere else found

    return read


def diagnose(known: RunnerCondition | None, *, timed_out: bool) -> Silence:
    """Say why a request was not answered. Pure.

    `timed_out` says that the connection was made, or might have been, and nothing came.
    """
    if known is None or known is RunnerCondition.SERVING:
        return Silence.HUNG if timed_out else Silence.FAILING
    if known is RunnerCondition.ELSEWHERE:
        return Silence.HUNG if timed_out else Silence.UNREACHABLE
    return Silence(known.value)
