"""One line an event."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from appliance.core import log


class Journal:
    """A file that stands for the stream to journald."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @property
    def environment(self) -> dict[str, str]:
        found = os.fstat(self.stream.fileno())
        return {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}

    def getvalue(self) -> str:
        return Path(self.stream.name).read_text()


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Journal]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    with (tmp_path / "journal").open("w") as stream:
        journal = Journal(stream)
        log.set_up(output=stream, environment=journal.environment)
        yield journal
        root.handlers[:] = before
        root.setLevel(level)


def test_an_event_is_one_line(output: Journal) -> None:
    logging.getLogger("a.b").info("started %s\nDEBUG forged", "x")
    assert output.getvalue() == "<6>INFO a.b: started x\\nDEBUG forged\n"


@pytest.mark.parametrize("environment", [{}, {"JOURNAL_STREAM": "8:1"}])
def test_without_journald_a_line_begins_with_its_time(
    output: Journal, environment: dict[str, str]
) -> None:
    log.set_up(output=output.stream, environment=environment)
    logging.getLogger("a").info("hello")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC INFO a: hello\n", output.getvalue()
    )


def test_a_traceback_is_part_of_the_line(output: Journal) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logging.getLogger("a").exception("failed")
    assert output.getvalue().count("\n") == 1
    assert "ZeroDivisionError" in output.getvalue()


def test_a_request_number_is_added_while_the_request_is_answered(output: Journal) -> None:
    with log.numbered_request():
        number = log.request_number()
        logging.getLogger("a").warning("inside")
    logging.getLogger("a").warning("outside")
    assert output.getvalue() == (
        f"<4>WARNING a: inside [request {number}]\n<4>WARNING a: outside\n"
    )


def test_what_people_request_is_not_logged(output: Journal) -> None:
    logging.getLogger("aiohttp.access").info("GET /c/secret")
    logging.getLogger("httpx").info("POST /api/chat")
    assert output.getvalue() == ""


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.DEBUG, 7),
        (logging.INFO, 6),
        (logging.WARNING, 4),
        (logging.ERROR, 3),
        (logging.CRITICAL, 2),
    ],
)
def test_journald_gets_the_priority_of_each_line(
    output: Journal, level: int, priority: int
) -> None:
    log.set_up(level=logging.DEBUG, output=output.stream, environment=output.environment)
    logging.getLogger("a").log(level, "first\nsecond")
    assert output.getvalue().startswith(f"<{priority}>")
    assert output.getvalue().count("\n") == 1
