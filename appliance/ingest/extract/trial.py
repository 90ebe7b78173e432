"""Try, as a parser, what no parser may do, and print what succeeded."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.ingest.model import Reach

# Every account can read it, so that only a confinement keeps it from a parser.
_PUBLIC = Path("/etc/passwd")

Attempt = Callable[[], object]


def main(folder: str, process: str) -> None:
    """Print a JSON list of the members of Reach.

    `folder` holds the documents of others, `process` is the document reader.
    """
    json.dump(sorted(succeeded(Path(folder), int(process))), sys.stdout)


def succeeded(folder: Path, process: int) -> Iterator[Reach]:
    """Yield what this process can reach."""
    attempts: dict[Reach, tuple[Attempt, ...]] = {
        Reach.FILES: (_PUBLIC.read_bytes, lambda: [*folder.iterdir()]),
        Reach.WRITING: (lambda: _write(folder), lambda: _write(Path("/tmp"))),  # noqa: S108
        Reach.SOCKETS: (lambda: socket.socket(socket.AF_UNIX).close(),),
        Reach.PROCESSES: (
            lambda: os.kill(process, 0),
            Path(f"/proc/{process}/environ").read_bytes,
        ),
    }
    for reach, ways in attempts.items():
        if any(_succeeds(way) for way in ways):
            yield reach


def _succeeds(attempt: Attempt) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _write(folder: Path) -> None:
    path = folder / f"trial-{os.getpid()}.part"
    path.touch(exist_ok=False)
    with contextlib.suppress(OSError):
        path.unlink()
