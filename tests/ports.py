"""Ports for the servers that tests start."""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Iterator

# Below the ports that Linux gives to outgoing connections, which could take one that is handed out
# here before its server listens. Each process begins somewhere else.
_FIRST, _LAST = 10_000, 32_000
_PAIRS = range(_FIRST, _LAST, 2)
_begin = random.randrange(len(_PAIRS))  # noqa: S311 - nothing has to be secret
_candidates: Iterator[int] = itertools.cycle((*_PAIRS[_begin:], *_PAIRS[:_begin]))


def free_port() -> int:
    """Return a port that has no listener, and neither has the port after it."""
    return next(port for port in _candidates if _is_free(port) and _is_free(port + 1))


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
