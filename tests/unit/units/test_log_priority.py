"""How urgent a line is, in the form of each server."""

from __future__ import annotations

from importlib import resources

import pytest

from appliance.units.log_priority import (
    CRITICAL,
    DEBUG,
    ERROR,
    INFO,
    NOTICE,
    WARNING,
    edit_for,
    of_nginx,
    of_ollama,
    of_postgres,
    prefixed,
)

PG = b"2026-11-28 16:00:00.123 UTC [4711] cloister probe "


@pytest.mark.parametrize(
    ("line", "priority"),
    [
        (PG + b"XX000 PANIC:  could not write to file", CRITICAL),
        (PG + b"58030 FATAL:  could not open file", ERROR),
        (PG + b"42P01 ERROR:  relation is missing", WARNING),
        (PG + b"01000 WARNING:  odd", NOTICE),
        (PG + b"00000 NOTICE:  by the way", NOTICE),
        (PG + b"00000 LOG:  PANIC:  is only a word here", INFO),
        (PG + b"00000 DEBUG2:  detail", DEBUG),
        # A client that goes away, and one that comes too early.
        (PG + b"08006 FATAL:  connection to client lost", INFO),
        (PG + b"57P01 FATAL:  terminating connection due to administrator command", INFO),
        (PG + b"57P03 FATAL:  the database system is starting up", INFO),
        # Before it has read its configuration.
        (b"2026-11-28 16:00:00.123 UTC [4711] FATAL:  lock file exists", ERROR),
        (PG + b"XX000 DETAIL:  more about it", None),
        (b"\tERROR:  the second line of a message", None),
        (b"what no form fits", None),
    ],
)
def test_a_line_of_postgresql(line: bytes, priority: int | None) -> None:
    assert of_postgres(line) == priority


def test_postgresql_writes_the_form_that_is_read() -> None:
    text = resources.files("appliance.units").joinpath("configs/postgresql.conf").read_text()
    assert "log_line_prefix = '%m [%p] %a %e '" in text


@pytest.mark.parametrize(
    ("line", "priority"),
    [
        (b"nginx: [emerg] cannot load certificate key", CRITICAL),
        (b"2026/11/28 16:00:00 [error] 12#12: *1 connect() failed", ERROR),
        (b"2026/11/28 16:00:00 [warn] 12#12: odd", WARNING),
        (b"2026/11/28 16:00:00 [notice] 12#12: start worker", NOTICE),
        (b"2026/11/28 16:00:00 [info] 12#12: client closed connection", INFO),
        (b"GET /[error] HTTP/1.1", None),
    ],
)
def test_a_line_of_nginx(line: bytes, priority: int | None) -> None:
    assert of_nginx(line) == priority


NGINX = b"2026/11/28 16:00:00 [error] 12#12: *1 upstream timed out while reading"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (NGINX + b', client: 10.0.0.7, request: "GET /?q=pay HTTP/1.1"\n', NGINX + b"\n"),
        (NGINX + b', client: 10.0.0.7, request: "GET /?q=pay HTTP/1.1"', NGINX),
        (NGINX + b', client: 10.0.0.7, request: "GET /, client: HTTP/1.1"\n', NGINX + b"\n"),
        (b"2026/11/28 16:00:00 [alert] 12#12: worker process 13 exited\n", None),
    ],
)
def test_a_line_of_nginx_is_kept_without_who_asked_for_what(
    line: bytes, kept: bytes | None
) -> None:
    assert edit_for("nginx")(line) == (line if kept is None else kept)


@pytest.mark.parametrize("log_format", [None, "postgres", "ollama"])
def test_a_line_of_another_program_is_kept_whole(log_format: str | None) -> None:
    assert edit_for(log_format)(b"a, client: b\n") == b"a, client: b\n"


@pytest.mark.parametrize(
    ("line", "priority"),
    [
        (b'time=2026-11-28T16:00:00.000Z level=ERROR source=x msg="no memory"', ERROR),
        (b"time=2026-11-28T16:00:00.000Z level=WARN source=x msg=odd", WARNING),
        (b"time=2026-11-28T16:00:00.000Z level=INFO source=x msg=fine", INFO),
        (b"[GIN] 2026/11/28 - 16:00:00 | 200 |", INFO),
    ],
)
def test_a_line_of_ollama(line: bytes, priority: int) -> None:
    assert of_ollama(line) == priority


def test_the_further_lines_of_a_message_have_the_priority_of_its_first() -> None:
    lines = [
        PG + b"XX000 PANIC:  could not write\n",
        b"\tto the disk\n",
        PG + b"XX000 HINT:  look\n",
        PG + b"00000 LOG:  fine\n",
    ]
    numbers = [line[:3] for line in prefixed(lines, of_postgres)]
    assert numbers == [b"<2>", b"<2>", b"<2>", b"<6>"]
