"""`python -m appliance.web.markdown_program`: render Markdown for a process that may not wait.

Requests and answers are JSON, framed by `appliance.core.coprocess`. A text that needs more than
its share of the processor is answered as plain text.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

from appliance.core.coprocess import read_request, write_answer
from appliance.web.markdown import plain, split_and_render, to_html
from appliance.web.markdown_limits import Allowance

# The longest ordinary answer takes a tenth of this.
PROCESSOR_SECONDS = 1.0
# Chat servers come first where processors are few.
_NICENESS = 5


class _TooCostlyError(Exception):
    """The text has used its share of the processor."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one request: of a whole text, or of one that grows."""
    text: str = request["text"]
    if "allowance" not in request:
        return {"html": _whole(text)}
    return _growing(text, Allowance(**request["allowance"]))


def _whole(text: str) -> str:
    with suppress(_TooCostlyError), _limited():
        return to_html(text)
    return plain(text)


def _growing(text: str, allowance: Allowance) -> dict[str, Any]:
    with suppress(_TooCostlyError), _limited():
        closed, blocks, tail = split_and_render(text, allowance)
        consumed = sum(map(len, closed))
        return {
            "blocks": blocks,
            "consumed": consumed,
            "tail": tail,
            "allowance": asdict(allowance),
        }
    return {"blocks": [], "consumed": 0, "tail": plain(text), "allowance": asdict(allowance)}


@contextmanager
def _limited() -> Iterator[None]:
    """Raise _TooCostlyError in the block when its share is used up."""
    signal.setitimer(signal.ITIMER_VIRTUAL, PROCESSOR_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _stop(*_: object) -> None:
    raise _TooCostlyError


def main() -> None:
    """Answer requests until the other end closes."""
    with suppress(OSError):
        os.nice(_NICENESS)
    signal.signal(signal.SIGVTALRM, _stop)
    while (request := read_request(sys.stdin.buffer)) is not None:
        found = answer(json.loads(request))
        write_answer(sys.stdout.buffer, json.dumps(found).encode())


if __name__ == "__main__":
    main()
