"""Becomes a server, and leaves a process beside it that asks it again and again. A script.

For a server to which its supervisor may not connect: the supervisor reads the file in which this
writes when the server last answered. The process needs nothing but Python, so that it stays small;
it is in the sandbox of the server, and ends with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

ASK_SECONDS, ANSWER_SECONDS = 2.0, 3.0
# Until its first answer it is asked more often: it is about to serve.
_FIRST_SECONDS = 0.1
_QUESTION = b"HEAD /config HTTP/1.0\r\nHost: localhost\r\n\r\n"
_ANSWER = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
# Before the first set the repository has no such file. Both are an answer of a server that serves.
_SERVES = (b"200", b"404")
# Everyone may know that it answers; the folder decides who sees the file.
_MODE = 0o644


def answers(path: str) -> bool:
    """Say whether a server on a unix socket answers in time, with a status that it has."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_SECONDS)
        try:
            client.connect(path)
            client.sendall(_QUESTION)
            answer = _ANSWER.match(client.recv(64))
        except OSError:
            return False
    return answer is not None and answer[1] in _SERVES


def write(file: Path, answered_at: float) -> None:
    """Replace the file: a reader sees the former time or the new one."""
    new = file.with_suffix(".new")
    with contextlib.suppress(OSError):
        new.write_text(f"{answered_at:.3f}\n", "ascii")
        new.chmod(_MODE)
        new.replace(file)


def ask_on(path: str, file: Path, server: int) -> None:
    """Ask until the process of the server, our parent, has ended."""
    pause = _FIRST_SECONDS
    while os.getppid() == server:
        if answers(path):
            write(file, time.monotonic())
            pause = ASK_SECONDS
        time.sleep(pause)


def main() -> None:
    """Take the socket, the file and the command line of the server, and become the server."""
    path, file, *command = sys.argv[1:]
    server = os.getpid()
    if os.fork() == 0:
        # The output belongs to the server: it ends with it.
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        ask_on(path, Path(file), server)
        return
    # Python ignores these two, and what is ignored would stay ignored in the server.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
