"""Our side of the fork server: it starts confined processes, see appliance.core.forking."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from appliance.core.confinement import Confinement
from appliance.core.python import module_command, module_environment

_ATTEMPTS = 2
_END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """What runs, and with what: a `program` with its `argv`, or without one a module of ours.

    `reopens` says that its standard input is a file that it may open once more.
    """

    argv: tuple[str, ...]
    program: Path | None
    env: Mapping[str, str]
    limits: Mapping[str, int]
    confinement: Confinement
    reopens: bool

    def as_json(self) -> bytes:
        """Return the message to the server."""
        own = () if self.program is None else (self.program,)
        return json.dumps(
            {
                "argv": self.argv,
                "program": None if self.program is None else str(self.program),
                "env": self.env,
                "limits": self.limits,
                "folders": [str(path) for path in self.confinement.folders],
                "files": [str(path) for path in (*own, *self.confinement.files)],
                "landlock": self.confinement.landlock,
                "reopens": self.reopens,
            }
        ).encode()


class ForkedChild:
    """A process that the server has forked."""

    def __init__(self, pid: int, replies: TextIO) -> None:
        self.pid = pid
        self._replies = replies

    def wait(self) -> int:
        """Wait for its end and return the exit code; with the server, it was killed."""
        with self._replies:
            line = self._replies.readline()
        return int(line.split()[1]) if line else -signal.SIGKILL


class ForkServer:
    """A process that forks others; it starts with the first of them, and again after its end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, request: ForkRequest, descriptors: Sequence[int]) -> ForkedChild:
        """Start a process with these standard descriptors; blocks for a moment.

        Raises ChildProcessError.
        """
        message = request.as_json()
        for _ in range(_ATTEMPTS):
            if child := self._launched(message, descriptors):
                return child
        raise ChildProcessError("the fork server ended twice")

    def close(self) -> None:
        """End the server, and with it every process that it has forked."""
        with self._lock:
            control, process = self._control, self._process
            self._control = self._process = None
        if control is not None:
            control.close()
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)

    def _launched(self, message: bytes, descriptors: Sequence[int]) -> ForkedChild | None:
        reading, writing = os.pipe()
        replies = os.fdopen(reading)
        control = self._connected()
        try:
            socket.send_fds(control, [message], [*descriptors, writing])
        except (BrokenPipeError, ConnectionResetError):
            self._forget(control)
            replies.close()
            return None
        finally:
            os.close(writing)
        if line := replies.readline():
            return _forked(line, replies)
        self._forget(control)
        replies.close()
        return None

    def _connected(self) -> socket.socket:
        with self._lock:
            if self._control is None:
                self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._process = _started(theirs)
            return self._control

    def _forget(self, control: socket.socket) -> None:
        if self._control is control:
            self.close()


def _forked(line: str, replies: TextIO) -> ForkedChild:
    word, number = line.split()
    if word == "end":
        replies.close()
        raise ChildProcessError("the fork server could not start the process; its log says why")
    return ForkedChild(int(number), replies)


def _started(control: socket.socket) -> subprocess.Popen[bytes]:
    # In the session of our unit, which is killed with the unit: a server that a signal has stopped
    # does not notice that its socket was closed.
    return subprocess.Popen(
        module_command("appliance.core.forking"),
        stdin=control.fileno(),
        stdout=subprocess.DEVNULL,
        env={"LANG": "C.UTF-8", **module_environment()},
        cwd="/",
    )


FORK_SERVER = ForkServer()
atexit.register(FORK_SERVER.close)
