"""Plays a backup service that was taken over: what it can do to the backups, with its own key.

It is run by systemd in the place of a service's own program, as root's text of its unit says, and
prints one JSON object. Python's standard library and the program restic are all it needs.

    backup_probe.py SOCKET REPOSITORY PATH...
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

CREDENTIAL = "cloister.backup-key"
SECONDS = 15


def connected(path: str) -> http.client.HTTPConnection:
    """A connection over a unix socket."""
    connection = http.client.HTTPConnection("repository", timeout=SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(SECONDS)
    connection.sock.connect(path)
    return connection


def key() -> str:
    """The machine's key, where this service has it."""
    try:
        return (Path(os.environ["CREDENTIALS_DIRECTORY"]) / CREDENTIAL).read_text()
    except (KeyError, OSError):
        return ""


def asked(path: str, method: str, what: str, body: bytes = b"") -> str:
    """Status and answer of the server of the backups, or why there is none."""
    accept = {"Accept": "application/vnd.x.restic.rest.v2"}
    try:
        with closing(connected(path)) as connection:
            connection.request(method, what, body or None, accept)
            answer = connection.getresponse()
            return f"{answer.status} {answer.read().decode(errors='replace')}"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))


def names(path: str, kind: str) -> list[str]:
    """What the server has of a kind."""
    _, _, listed = asked(path, "GET", f"/{kind}/").partition(" ")
    try:
        found = json.loads(listed)
    except ValueError:
        return []
    return [entry["name"] for entry in found or ()]


def restic(repository: str, *words: str) -> dict[str, object]:
    """How restic ends with the service's own key."""
    command = ("restic", f"--repo={repository}", "--password-file=/dev/stdin", "--no-cache", *words)
    # A server that does not let it in is tried again and again.
    seconds = SECONDS if key() else 5
    try:
        done = subprocess.run(
            command, input=key(), capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return {"code": 1, "said": "never let in"}
    return {"code": done.returncode, "said": done.stdout + done.stderr}


def read(path: str) -> str:
    """Whether a file or a folder can be read: the name of the error, or “read”."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    os.close(descriptor)
    return "read"


def main() -> None:
    server, repository, *paths = sys.argv[1:]
    kinds = ("snapshots", "index", "keys", "data")
    found = {kind: names(server, kind) for kind in kinds}
    some = {f"/{kind}/{listed[0]}": kind for kind, listed in found.items() if listed}
    print(
        json.dumps(
            {
                "has_key": bool(key()),
                "found": {kind: len(listed) for kind, listed in found.items()},
                "deleted": {what: asked(server, "DELETE", what) for what in ("/config", *some)},
                "replaced": {
                    what: asked(server, "POST", what, b"garbage") for what in ("/config", *some)
                },
                "forget": restic(repository, "forget", "--keep-last=1", "--group-by=", "--prune"),
                "snapshots": restic(repository, "snapshots", "--json"),
                "read": {path: read(path) for path in paths},
            }
        )
    )


if __name__ == "__main__":
    main()
