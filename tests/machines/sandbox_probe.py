"""Plays a program that was taken over: tries what a service's sandbox should not let it do.

It is run by systemd in the place of a service's own program, with Python's standard library alone:

    ExecStart=/usr/bin/python3 /usr/local/lib/sandbox_probe.py NEIGHBOUR NEIGHBOUR6 PORT FOLDER...

and prints one JSON object: which ways of reaching the neighbour ended how, and
what could be done in each folder.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 3.0
ECHO_REQUEST = b"\x08\x00\xf7\xff\x00\x00\x00\x00"
THROUGH = "through"


def outcome(attempt: Callable[[], None]) -> str:
    """Say “through”, or the error's name."""
    try:
        attempt()
    except TimeoutError:
        return "ETIMEDOUT"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return THROUGH


def connect(family: int, address: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.connect((address, port))


def send(family: int, address: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.sendto(b"from a sandbox", (address, port))


def ping(address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as client:
        client.sendto(ECHO_REQUEST, (address, 0))


def frame() -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as client:
        client.bind(("host0", 0))
        client.send(b"\xff" * 12 + b"\x88\xb5" + bytes(46))


def calls(address: str, address6: str, port: int) -> dict[str, str]:
    """Try every way that a program has to reach another computer."""
    ways: dict[str, Callable[[], None]] = {
        "tcp": lambda: connect(socket.AF_INET, address, port),
        "tcp6": lambda: connect(socket.AF_INET6, address6, port),
        "udp": lambda: send(socket.AF_INET, address, port),
        "udp6": lambda: send(socket.AF_INET6, address6, port),
        "broadcast": lambda: send(socket.AF_INET, "224.0.0.251", 5353),
        "name": lambda: send(socket.AF_INET, address.rpartition(".")[0] + ".254", 53),
        "ping": lambda: ping(address),
        "frame": frame,
    }
    return {way: outcome(attempt) for way, attempt in ways.items()}


def may_write(folder: Path) -> bool:
    """Say whether a file can be made in the folder; it is removed again."""
    path = folder / f"probe-{os.getpid()}"
    try:
        path.write_text("probe")
        path.unlink()
    except OSError:
        return False
    return True


def may_list(folder: Path) -> bool:
    """Say whether there is something in the folder to be seen: hidden ones are empty."""
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def main() -> None:
    address, address6, port, *names = sys.argv[1:]
    folders = [Path(name) for name in names]
    print(
        json.dumps(
            {
                "calls": calls(address, address6, int(port)),
                "written": [str(folder) for folder in folders if may_write(folder)],
                "listed": [str(folder) for folder in folders if may_list(folder)],
                "status": Path("/proc/self/status").read_text(),
            }
        )
    )


if __name__ == "__main__":
    main()
