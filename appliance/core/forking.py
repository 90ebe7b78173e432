"""`python -m appliance.core.forking`: fork a confined process for each request on standard input.

A request is JSON with four descriptors: standard input, output and errors of the new process, and
a pipe for two lines: `pid N` once the process has a session of its own, and `end CODE`. A program
is executed; a module of ours runs in the fork itself, so that Python does not start and import it
each time. The server ends when the other end of its socket is closed, and its processes end with
it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from appliance.core import landlock, seccomp
from appliance.core.confinement import Confinement, confine_thread, forbid_processes
from appliance.core.seccomp_table import CONFINED, CONFINED_WITHOUT_SIGNALS, NO_PROCESSES
from appliance.core.system_calls import control_process

MOST_BYTES = 1 << 18
DESCRIPTORS = 4
_PARENT_DEATH_SIGNAL = 1
# Python ignores these two; a program expects them as they are by default.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
_FAILED = 1
_LIMITS = {
    "memory": resource.RLIMIT_AS,
    "cpu_seconds": resource.RLIMIT_CPU,
    "file_size": resource.RLIMIT_FSIZE,
    "tasks": resource.RLIMIT_NPROC,
}

Request = dict[str, Any]


def main() -> None:
    """Serve until the socket is closed."""
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    _compute_once()
    children: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in children:
                    selector.unregister(key.fd)
                    _reap(key.fd, *children.pop(key.fd))
                    continue
                message, descriptors, _, _ = socket.recv_fds(control, MOST_BYTES, DESCRIPTORS)
                if not message:
                    return
                if pid := _serve(message, descriptors):
                    watched = os.pidfd_open(pid)
                    children[watched] = (pid, descriptors[3])
                    selector.register(watched, selectors.EVENT_READ)


def _compute_once() -> None:
    """Let the forks inherit what is the same for all of them."""
    landlock.version()
    if seccomp.is_available():
        for rules in (CONFINED, CONFINED_WITHOUT_SIGNALS, NO_PROCESSES):
            seccomp.program(rules, os.uname().machine)


def _reap(watched: int, pid: int, reply: int) -> None:
    _, status = os.waitpid(pid, 0)
    os.close(watched)
    _answer(reply, "end", os.waitstatus_to_exitcode(status))
    os.close(reply)


def _answer(reply: int, word: str, number: int) -> None:
    # A caller that was cancelled does not read it.
    with contextlib.suppress(BrokenPipeError):
        os.write(reply, f"{word} {number}\n".encode())


def _serve(message: bytes, descriptors: list[int]) -> int:
    """Fork a process and return its number; 0 if that is impossible, and the answer is its end."""
    try:
        pid = _fork(json.loads(message), descriptors)
    except Exception:  # noqa: BLE001 - the processes of other requests go on
        traceback.print_exc()
        pid = 0
        _answer(descriptors[3], "end", _FAILED)
    for descriptor in descriptors[: 3 if pid else DESCRIPTORS]:
        os.close(descriptor)
    return pid


def _fork(request: Request, descriptors: list[int]) -> int:
    module = _prepared(request["argv"][0]) if request["program"] is None else None
    server = os.getpid()
    if (pid := os.fork()) == 0:
        _become(request, descriptors, module, server)
    return pid


def _prepared(name: str) -> ModuleType:
    """Import a module, and what it will need, before the first fork that runs it."""
    if name in sys.modules:
        return sys.modules[name]
    module = importlib.import_module(name)
    if prepare := getattr(module, "prepare", None):
        prepare()
    gc.collect()
    gc.freeze()
    return module


def _become(
    request: Request, descriptors: list[int], module: ModuleType | None, server: int
) -> NoReturn:
    """Be the new process to its end."""
    code = _FAILED
    try:
        _settle(descriptors, server)
        _restrict(request)
        argv = request["argv"]
        if module is None:
            for number in _IGNORED:
                signal.signal(number, signal.SIG_DFL)
            os.execve(request["program"], argv, request["env"])  # noqa: S606 - no shell is wanted
        os.environ.clear()
        os.environ.update(request["env"])
        # The server's own input is of another kind: it cannot seek.
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it ends with the process
        code = module.main(*argv[1:]) or 0
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - nothing of the server may run on in a fork
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _settle(descriptors: list[int], server: int) -> None:
    """Leave the server: a session of its own, its three descriptors and no other, its end."""
    os.setsid()
    # Only now the whole group can be killed.
    _answer(descriptors[3], "pid", os.getpid())
    control_process(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(_FAILED)
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    os.closerange(3, 1 << 16)
    os.chdir("/")


def _restrict(request: Request) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, limit in request["limits"].items():
        resource.setrlimit(_LIMITS[name], (limit, limit))
    confinement = Confinement(
        folders=tuple(map(Path, request["folders"])),
        files=tuple(map(Path, request["files"])),
        landlock=request["landlock"],
    )
    confine_thread(confinement, 0 if request["reopens"] else None)
    forbid_processes()


if __name__ == "__main__":
    main()
