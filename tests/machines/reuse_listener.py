"""Plays a web server that was taken over: turns the sockets that it inherited into clients.

It stands for Nginx in the sandbox of its unit, with Python's standard library alone, as

    ExecStart=/usr/bin/python3 /root/reuse_listener.py ADDRESS PORT

and tries to reach ADDRESS in every way that this process has: by a socket of its own; by
disconnecting a visitor's connection, which it waits for, and connecting it elsewhere; by doing the
same to each listening socket. A line of JSON says how each attempt went; “connected” is a breach.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import struct
import sys
from collections.abc import Iterator

FIRST_INHERITED = 3
PATIENCE_SECONDS = 3.0


def inherited() -> list[socket.socket]:
    """The listening sockets that systemd passed, as sd_listen_fds(3) numbers them."""
    numbers = range(FIRST_INHERITED, FIRST_INHERITED + int(os.environ["LISTEN_FDS"]))
    return [socket.socket(fileno=number) for number in numbers]


def disconnect(connection: socket.socket) -> None:
    """Take a socket's listening, or its peer, away; connect() with AF_UNSPEC means that."""
    nowhere = struct.pack("=H14x", socket.AF_UNSPEC)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.connect(connection.fileno(), nowhere, len(nowhere)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def outcome(connection: socket.socket, address: str, port: int) -> str:
    """Connect, and say “connected” or the name of the error."""
    mapped = f"::ffff:{address}" if connection.family == socket.AF_INET6 else address
    connection.settimeout(PATIENCE_SECONDS)
    try:
        connection.connect((mapped, port))
    except TimeoutError:
        return "ETIMEDOUT"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "connected"


def reused(connection: socket.socket, address: str, port: int) -> str:
    """Disconnect a socket first."""
    try:
        disconnect(connection)
    except OSError as error:
        return f"{errno.errorcode.get(error.errno or 0, str(error))} (disconnect)"
    return outcome(connection, address, port)


def attempts(address: str, port: int) -> Iterator[tuple[str, str]]:
    """Yield each way with how it went. The listening sockets come last: they are used up."""
    try:
        own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        yield "own socket", errno.errorcode.get(error.errno or 0, str(error))
    else:
        yield "own socket", outcome(own, address, port)
    listeners = [each for each in inherited() if each.family == socket.AF_INET]
    print(json.dumps({"way": "waiting", "outcome": "for a visitor"}), flush=True)
    listeners[0].settimeout(None)
    visitor, _ = listeners[0].accept()
    yield "accepted connection", reused(visitor, address, port)
    for listener in listeners:
        number = listener.getsockname()[1]
        yield f"listening socket {number}", reused(listener, address, port)


def main() -> None:
    """Try everything; end with 1 if anything got through."""
    breached = False
    for way, how in attempts(sys.argv[1], int(sys.argv[2])):
        print(json.dumps({"way": way, "outcome": how}), flush=True)
        breached = breached or how == "connected"
    sys.exit(breached)


if __name__ == "__main__":
    main()
