"""Passes a server's lines on to journald, each with its priority. A script of its own.

PostgreSQL, Nginx and Ollama write how urgent a line is in a form of their own, and journald would
give all lines the same priority. Nginx also writes who asked for what, which is not recorded. This
module needs nothing but Python, so that it stays small: it runs beside the server for as long as
that does.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator

CRITICAL, ERROR, WARNING, NOTICE, INFO, DEBUG = 2, 3, 4, 5, 6, 7

# `… [process] application SQLSTATE LEVEL:  message`, see log_line_prefix in postgresql.conf.
_POSTGRES = re.compile(rb" (?:([0-9A-Z]{5}) )?([A-Z]+)[1-5]?:  ")
# As PostgreSQL itself gives them to syslog: an error of one statement is its client's to handle.
_POSTGRES_LEVELS = {
    b"PANIC": CRITICAL,
    b"FATAL": ERROR,
    b"ERROR": WARNING,
    b"WARNING": NOTICE,
    b"NOTICE": NOTICE,
    b"INFO": INFO,
    b"LOG": INFO,
    b"DEBUG": DEBUG,
}
# The connection has ended, or an operator ended it: what closes a session is no fault of it.
_SESSION_ENDED = (b"08", b"57")
_NGINX = re.compile(rb"^(?:[0-9/]+ [0-9:]+ |nginx: )\[([a-z]+)\] ")
_NGINX_LEVELS = {
    # journald shows what is more urgent than critical on every terminal of the machine.
    b"emerg": CRITICAL,
    b"alert": CRITICAL,
    b"crit": CRITICAL,
    b"error": ERROR,
    b"warn": WARNING,
    b"notice": NOTICE,
    b"info": INFO,
    b"debug": DEBUG,
}
# Behind it a line of Nginx names the client, the request and the page that the client came from.
_NGINX_REQUEST = b", client: "
_OLLAMA = re.compile(rb"^time=\S+ level=([A-Z]+)")
_OLLAMA_LEVELS = {b"ERROR": ERROR, b"WARN": WARNING, b"INFO": INFO, b"DEBUG": DEBUG}

Priority = Callable[[bytes], "int | None"]
Edit = Callable[[bytes], bytes]


def of_postgres(line: bytes) -> int | None:
    """Return the priority that PostgreSQL gives a line, or None where it goes on with the last."""
    found = _POSTGRES.search(line)
    if found is None or line.startswith(b"\t"):
        return None
    if found[2] == b"FATAL" and (found[1] or b"").startswith(_SESSION_ENDED):
        return INFO
    return _POSTGRES_LEVELS.get(found[2])


def of_nginx(line: bytes) -> int | None:
    """Return the priority that Nginx gives a line."""
    found = _NGINX.match(line)
    return _NGINX_LEVELS.get(found[1]) if found else None


def of_ollama(line: bytes) -> int | None:
    """Return the priority that Ollama gives a line."""
    found = _OLLAMA.match(line)
    return _OLLAMA_LEVELS.get(found[1]) if found else INFO


def without_request(line: bytes) -> bytes:
    """Return a line of Nginx, with or without its end, without who asked for what."""
    kept, found, request = line.partition(_NGINX_REQUEST)
    return kept + b"\n" if found and request.endswith(b"\n") else kept


FORMATS: dict[str, Priority] = {"postgres": of_postgres, "nginx": of_nginx, "ollama": of_ollama}


def prefixed(lines: Iterable[bytes], priority: Priority) -> Iterator[bytes]:
    """Yield each line with its priority; one without has that of the line before."""
    current = INFO
    for line in lines:
        found = priority(line)
        current = current if found is None else found
        yield b"<%d>%s" % (current, line)


def unchanged(line: bytes) -> bytes:
    """Return the line."""
    return line


def edit_for(log_format: str | None) -> Edit:
    """Return what removes from a line of this format what is not recorded."""
    return without_request if log_format == "nginx" else unchanged


def main() -> None:
    """Pass standard input on until every process of the server has closed it."""
    # systemd asks all processes of a service to end; the server's last words come after that.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    edited = map(edit_for(sys.argv[1]), sys.stdin.buffer)
    for line in prefixed(edited, FORMATS[sys.argv[1]]):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
