"""Render Markdown for a process that cannot wait: `… -m appliance.web.markdown_program SECONDS`.

Requests and answers are JSON, framed by `appliance.core.coprocess`. A text that needs more than
SECONDS of the processor is answered as plain text, and the program starts again in its place: an
exception would not do, because Python drops those that are raised while it cleans an object up.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from appliance.core.coprocess import read_request, write_answer
from appliance.core.python import module_command
from appliance.web.markdown import plain, split_and_render, to_html
from appliance.web.markdown_limits import Allowance

# Chat servers come first where processors are few.
_NICENESS = 5


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one request: of a whole text, or of one that grows."""
    text = _text(request)
    if "allowance" not in request:
        return {"html": to_html(text)}
    allowance = Allowance(**request["allowance"])
    closed, blocks, tail = split_and_render(text, allowance)
    consumed = sum(map(len, closed))
    return {
        "blocks": blocks,
        "consumed": consumed,
        "tail": tail,
        "allowance": asdict(allowance),
    }


def plain_answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a request whose text costs too much."""
    html = plain(_text(request))
    if "allowance" not in request:
        return {"html": html}
    return {"blocks": [], "consumed": 0, "tail": html, "allowance": request["allowance"]}


def _text(request: dict[str, Any]) -> str:
    # Half a surrogate pair cannot be written. The length stays, which the answer may count.
    return str(request["text"]).encode("utf-8", "replace").decode()


def _give_up(request: dict[str, Any], arguments: list[str], *_: object) -> None:
    _send(plain_answer(request))
    argv = module_command("appliance.web.markdown_program", *arguments)
    os.execv(argv[0], argv)  # noqa: S606 - this very program, which keeps its pipes and limits


def _send(found: dict[str, Any]) -> None:
    write_answer(sys.stdout.buffer, json.dumps(found).encode())


def main(arguments: list[str]) -> None:
    """Answer requests until the other end closes."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    seconds = float(arguments[0])
    while (content := read_request(sys.stdin.buffer)) is not None:
        request = json.loads(content)
        signal.signal(signal.SIGVTALRM, partial(_give_up, request, arguments))
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        found = answer(request)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        _send(found)


if __name__ == "__main__":
    main(sys.argv[1:])
