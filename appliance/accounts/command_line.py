"""The command line at a chat server: a socket of its own takes the place of an API key.

The kernel lets only root and the supervisor's account connect to that socket, and both may do
everything on this machine. The request names the person for whom it acts.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from aiohttp import web

PERSON_HEADER = "X-Cloister-Person"


def is_command_line(request: web.Request, socket: Path | None) -> bool:
    """Return whether a request came in on `socket`, the one for the command line."""
    if socket is None or request.transport is None:
        return False
    return bool(request.transport.get_extra_info("sockname") == str(socket))


def named_person(request: web.Request) -> str | None:
    """Return the sign-in name of the person for whom the command line acts, if it names one."""
    return unquote(request.headers.get(PERSON_HEADER, "")) or None
