"""What the program restic says, as values. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from appliance.core.process import Finished

# A file of a snapshot that cannot be restored, in the words of all versions so far.
_UNRESTORED = re.compile(r"ignoring error for (/[^\n]*?): ")
_MOST_NAMED = 5
# How the system, a quota, and a server of the repository say that a disk is full.
_NO_ROOM = (b"no space left on device", b"disk quota exceeded", b"507 Insufficient Storage")
# The program itself failed: what follows is about its code.
_CRASH = "panic: "


def last_line(finished: Finished) -> str:
    """Return the last line of what a program said about its end."""
    lines = finished.stderr.decode(errors="replace").strip().splitlines()
    if not lines:
        return finished.description
    if crash := next((line for line in lines if line.startswith(_CRASH)), None):
        return crash
    # Later versions write it as JSON where the output is JSON.
    said = json_object(lines[-1].encode()).get("message", lines[-1])
    return str(said).removeprefix("Fatal: ")


def unrestored(finished: Finished) -> list[str]:
    """Return some of the files of a snapshot that could not be restored."""
    found = _UNRESTORED.findall(finished.stderr.decode(errors="replace"))
    return sorted(set(found))[:_MOST_NAMED]


def is_full(finished: Finished) -> bool:
    """Whether the program says that a disk has no room."""
    return any(words in finished.stderr for words in _NO_ROOM)


def unread(finished: Finished) -> tuple[str, ...]:
    """Return the files that could not be read."""
    entries = map(json_object, finished.stderr.splitlines())
    return tuple(
        str(entry["item"])
        for entry in entries
        if entry.get("message_type") == "error" and entry.get("item")
    )


def json_object(line: bytes) -> dict[str, Any]:
    """Return a line of JSON; one that is none says nothing."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
