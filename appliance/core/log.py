"""Logging: one line an event, to standard error, where the supervisor or journald reads it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import RotatingFileHandler
from pathlib import Path
from secrets import token_hex
from typing import TextIO

from typing_extensions import override

_FILE_SIZE = 5 * 1024 * 1024

_request: ContextVar[str | None] = ContextVar("request", default=None)


@contextmanager
def numbered_request() -> Iterator[None]:
    """Give the work inside the block a request number of its own."""
    token = _request.set(token_hex(4))
    try:
        yield
    finally:
        _request.reset(token)


def request_number() -> str | None:
    """Return the number of the request that is being answered, to show with an error."""
    return _request.get()


class OneLine(logging.Formatter):
    """`LEVEL logger: message [request]`, with line breaks escaped, also those of a traceback.

    Facts are written as they are: callers must not log secrets or texts of people.
    """

    def __init__(self, *, timestamps: bool) -> None:
        moment = "%(asctime)s " if timestamps else ""
        super().__init__(f"{moment}%(levelname)s %(name)s: %(message)s")
        # The format of PostgreSQL's log: UTC, with a decimal point.
        self.converter = time.gmtime
        self.default_msec_format = "%s.%03d UTC"

    @override
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        number = request_number()
        suffix = f" [request {number}]" if number else ""
        return text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n") + suffix


def set_up(
    *,
    level: int = logging.INFO,
    output: TextIO | None = None,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Send all logging of this process to standard error, with the time unless journald adds it."""
    timestamps = "JOURNAL_STREAM" not in environment
    _install(logging.StreamHandler(output or sys.stderr), level, timestamps=timestamps)


def log_to_file(path: Path, *, level: int = logging.INFO) -> None:
    """Send all logging of this process to a file that is rotated at 5 MiB.

    For the supervisor in a terminal, whose output is for the person who started it.
    """
    handler = RotatingFileHandler(path, maxBytes=_FILE_SIZE, backupCount=2, encoding="utf-8")
    _install(handler, level, timestamps=True)


def _install(handler: logging.Handler, level: int, *, timestamps: bool) -> None:
    handler.setFormatter(OneLine(timestamps=timestamps))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These log each request or connection, which would be a record of what people do.
    for noisy in ("aiohttp.access", "httpx", "httpcore", "apscheduler"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
