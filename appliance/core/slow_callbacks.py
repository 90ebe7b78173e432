"""Notice callbacks that keep an event loop from its other work, and say where they come from.

A process calls `watch` once. From then on each step of a task and each other callback is timed; a
slow one is counted, and logged with the function that it ran. Meanwhile no other request of the
process was answered, so each count above zero is a fault to repair: work in proportion to what a
person sent belongs into a process of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import time
from asyncio import events
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

_LOG = logging.getLogger(__name__)
# People notice a tenth of a second; every request of the process waits for it.
SLOW_SECONDS = 0.1
_ROOT = Path(__file__).resolve().parents[2]
_OURS = tuple(str(_ROOT / name) + os.sep for name in ("appliance", "admin", "webchat"))
_handler: ContextVar[Callable[..., Any] | None] = ContextVar("handler", default=None)


@dataclass(slots=True)
class SlowCallbacks:
    """How many callbacks of this process were slow, and how long the slowest took."""

    count: int = 0
    longest_seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        """Return the shape that `/health` shows."""
        return {"count": self.count, "longest_seconds": round(self.longest_seconds, 3)}


FOUND = SlowCallbacks()


def watch(*, slow: float = SLOW_SECONDS, found: SlowCallbacks = FOUND) -> Callable[[], None]:
    """Time every callback of the event loops of this process; return a function that ends it.

    asyncio does this itself only in its debug mode, which slows everything down.
    """
    run = events.Handle._run  # noqa: SLF001 - asyncio has no public place for this

    def timed(self: events.Handle) -> None:
        started, worked = time.perf_counter(), time.thread_time()
        run(self)
        if (took := time.perf_counter() - started) >= slow:
            found.count += 1
            found.longest_seconds = max(found.longest_seconds, took)
            _report(self, took, time.thread_time() - worked)

    def end() -> None:
        events.Handle._run = run  # type: ignore[method-assign]  # noqa: SLF001

    events.Handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001
    return end


def attribute_to(handler: Callable[..., Any]) -> None:
    """Name the function that works for the current request, in place of the server's own loop."""
    _handler.set(handler)


def _report(handle: events.Handle, took: float, worked: float) -> None:
    # `cpu_seconds` far below `seconds` means that the machine was busy, or that a disk was.
    _LOG.warning(
        "slow callback seconds=%.3f cpu_seconds=%.3f source=%s", took, worked, source_of(handle)
    )


def source_of(handle: events.Handle) -> str:
    """Return the function that a handle ran, as `name (file:line)`, and where it waits since."""
    callback = getattr(handle, "_callback", None)
    task = getattr(callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return _described(callback)
    coroutine = task.get_coro()
    ours = [_place(code, line) for code, line in _stack(coroutine) if _is_ours(code)]
    context = getattr(handle, "_context", None)
    handler = context.get(_handler) if context is not None else None
    # The server runs its requests in a loop of its own, which says nothing about them.
    is_of_server = not _is_ours(getattr(coroutine, "cr_code", None))
    named = _described(handler if handler is not None and is_of_server else coroutine)
    return f"{named} at {ours[-1]}" if ours else named


def _stack(coroutine: Any) -> Iterator[tuple[CodeType, int]]:  # noqa: ANN401 - see _described
    """Yield what a coroutine waits in, from itself inwards; nothing once it has ended."""
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        yield frame.f_code, frame.f_lineno
        coroutine = coroutine.cr_await


def _is_ours(code: CodeType | None) -> bool:
    return code is not None and code.co_filename.startswith(_OURS)


def _described(function: Any) -> str:  # noqa: ANN401 - whatever a loop was given to call
    function = inspect.unwrap(getattr(function, "func", function))
    code = getattr(function, "__code__", None) or getattr(function, "cr_code", None)
    if not isinstance(code, CodeType):
        return type(function).__name__
    return _place(code, code.co_firstlineno)


def _place(code: CodeType, line: int) -> str:
    path = code.co_filename.removeprefix(f"{_ROOT}{os.sep}")
    return f"{code.co_qualname} ({path}:{line})"
