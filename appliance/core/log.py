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

# How syslog numbers urgency; journald takes such a number from the beginning of a line.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7
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

    journald adds the time itself, and gets the priority instead. Facts are written as they are:
    a caller logs no secret and no text of a person.
    """

    def __init__(self, *, to_journal: bool) -> None:
        self._to_journal = to_journal
        moment = "" if to_journal else "%(asctime)s "
        super().__init__(f"{moment}%(levelname)s %(name)s: %(message)s")
        # The format of PostgreSQL's log: UTC, with a decimal point.
        self.converter = time.gmtime
        self.default_msec_format = "%s.%03d UTC"

    @override
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        number = request_number()
        suffix = f" [request {number}]" if number else ""
        prefix = journal_prefix(record.levelno) if self._to_journal else ""
        text = text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
        return f"{prefix}{text}{suffix}"


def journal_prefix(level: int) -> str:
    """Return what makes journald keep the priority of a line (sd-daemon(3))."""
    priority = next((number for least, number in _PRIORITIES if level >= least), _DEBUG_PRIORITY)
    return f"<{priority}>"


def is_journal(output: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether journald reads what is written to `output`.

    systemd says in a variable which file that is, since programs that a service starts inherit
    the variable, and may write elsewhere.
    """
    try:
        found = os.fstat(output.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def set_up(
    *,
    level: int = logging.INFO,
    output: TextIO | None = None,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Send all logging of this process to standard error, in the form that its reader needs."""
    output = output or sys.stderr
    to_journal = is_journal(output, environment)
    _install(logging.StreamHandler(output), level, to_journal=to_journal)


def log_to_file(path: Path, *, level: int = logging.INFO) -> None:
    """Send all logging of this process to a file that is rotated at 5 MiB.

    For the supervisor in a terminal, whose output is for the person who started it.
    """
    handler = RotatingFileHandler(path, maxBytes=_FILE_SIZE, backupCount=2, encoding="utf-8")
    _install(handler, level, to_journal=False)


def _install(handler: logging.Handler, level: int, *, to_journal: bool) -> None:
    handler.setFormatter(OneLine(to_journal=to_journal))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These log each request or connection, which would be a record of what people do.
    for noisy in ("aiohttp.access", "httpx", "httpcore", "apscheduler"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
