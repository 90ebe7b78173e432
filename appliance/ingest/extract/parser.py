"""Running a parser as a child within its limits, and what its end means for the document."""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass

from appliance.core.process import Finished, Limits
from appliance.ingest.errors import ParserCrashedError, ParserTimedOutError, ParserTooBigError
from appliance.library.errors import DocumentError

MEBIBYTE = 1024 * 1024

# How the parsers we use say that an allocation failed: poppler, glibc's C++, pandoc's runtime,
# Python.
_OUT_OF_MEMORY = (
    b"out of memory",
    b"bad_alloc",
    b"cannot allocate memory",
    b"heap exhausted",
    b"memoryerror",
)


@dataclass(frozen=True, slots=True)
class ParserLimits:
    """What one document may cost: wall seconds and memory of a parser, pages, unpacked bytes."""

    seconds: float = 120.0
    memory: int = 1024 * MEBIBYTE
    pages: int = 10_000
    unpacked: int = 512 * MEBIBYTE

    def process(self, headroom: int = 0) -> Limits:
        """Return the same for the kernel, with `headroom` more memory.

        A parser writes no file, but for Python's compiled modules beside their sources.
        """
        return Limits(
            memory=self.memory + headroom,
            cpu_seconds=math.ceil(self.seconds) + 1,
            file_size=MEBIBYTE,
        )


def failure(finished: Finished, limits: ParserLimits) -> DocumentError | None:
    """Return why the limits or a crash ended the parser; None when it ended by itself."""
    if finished.timed_out or finished.returncode == -signal.SIGXCPU:
        return ParserTimedOutError(seconds=f"{limits.seconds:g}")
    complaint = finished.stderr.lower()
    if finished.returncode and any(words in complaint for words in _OUT_OF_MEMORY):
        return ParserTooBigError(megabytes=limits.memory // MEBIBYTE)
    if finished.returncode < 0:
        return ParserCrashedError(reason=finished.description)
    return None
