"""Limits of a parser that runs as a child, and the meaning of its end for the document."""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass

from appliance.core.limits import Limits
from appliance.core.process import Finished
from appliance.core.variables import MEBIBYTE
from appliance.ingest.errors import (
    ParserCrashedError,
    ParserKilledError,
    ParserTimedOutError,
    ParserTooBigError,
)
from appliance.library.errors import DocumentError

# Exit code of pandoc's runtime (GHC) when its heap limit is reached.
_HEAP_EXHAUSTED = 251
# How the other parsers report a failed allocation: poppler, the C++ library, Python.
_OUT_OF_MEMORY = (
    b"out of memory",
    b"bad_alloc",
    b"cannot allocate memory",
    b"heap exhausted",
    b"memoryerror",
)


@dataclass(frozen=True, slots=True)
class ParserLimits:
    """Limits for one document.

    `seconds` of wall-clock time and bytes of `memory` are those of each process of its parser,
    `total_seconds` is the time for the whole document. `unpacked` counts bytes, and `characters`
    the text of all pages with its search words. `tasks` is how many processes and threads the
    account may have while a parser starts a thread.
    """

    seconds: float = 120.0
    total_seconds: float = 1800.0
    memory: int = 1024 * MEBIBYTE
    pages: int = 10_000
    unpacked: int = 512 * MEBIBYTE
    characters: int = 100_000_000
    tasks: int | None = None

    def process(self, headroom: int = 0) -> Limits:
        """Return the limits that the kernel enforces, with `headroom` more memory."""
        return Limits(
            memory=self.memory + headroom,
            cpu_seconds=math.ceil(self.seconds) + 1,
            file_size=MEBIBYTE,
        )


def failure(finished: Finished, limits: ParserLimits) -> DocumentError | None:
    """Return which limit or crash ended the parser; None if it ended by itself."""
    if finished.timed_out or finished.returncode == -signal.SIGXCPU:
        return ParserTimedOutError(seconds=f"{limits.seconds:g}")
    complaint = finished.stderr.lower()
    out_of_memory = finished.returncode == _HEAP_EXHAUSTED or any(
        words in complaint for words in _OUT_OF_MEMORY
    )
    if finished.returncode and out_of_memory:
        return ParserTooBigError(megabytes=limits.memory // MEBIBYTE)
    if finished.returncode == -signal.SIGKILL:
        return ParserKilledError(reason=finished.description)
    if finished.returncode < 0:
        return ParserCrashedError(reason=finished.description)
    return None
