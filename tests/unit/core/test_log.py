"""One line an event."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator

import pytest

from appliance.core import log


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    output = io.StringIO()
    log.set_up(output=output, environment={"JOURNAL_STREAM": "8:1"})
    yield output
    root.handlers[:] = before
    root.setLevel(level)


def test_an_event_is_one_line(output: io.StringIO) -> None:
    logging.getLogger("a.b").info("started %s\nDEBUG forged", "x")
    assert output.getvalue() == "INFO a.b: started x\\nDEBUG forged\n"


def test_without_journald_a_line_begins_with_its_time(output: io.StringIO) -> None:
    log.set_up(output=output, environment={})
    logging.getLogger("a").info("hello")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC INFO a: hello\n", output.getvalue()
    )


def test_a_traceback_is_part_of_the_line(output: io.StringIO) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logging.getLogger("a").exception("failed")
    assert output.getvalue().count("\n") == 1
    assert "ZeroDivisionError" in output.getvalue()


def test_a_request_number_is_added_while_the_request_is_answered(output: io.StringIO) -> None:
    with log.numbered_request():
        number = log.request_number()
        logging.getLogger("a").warning("inside")
    logging.getLogger("a").warning("outside")
    assert output.getvalue() == f"WARNING a: inside [request {number}]\nWARNING a: outside\n"


def test_what_people_request_is_not_logged(output: io.StringIO) -> None:
    logging.getLogger("aiohttp.access").info("GET /c/secret")
    logging.getLogger("httpx").info("POST /api/chat")
    assert output.getvalue() == ""
