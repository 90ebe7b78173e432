"""A network namespace, and Python code that runs inside it."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from tests.machines.programs import run_program

CLONE_NEWNET = 0x40000000

Result = TypeVar("Result")


class Namespace:
    """One network namespace with its loopback up and nothing else."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = Path("/run/netns") / name

    def create(self) -> None:
        run_program("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def delete(self) -> None:
        if self.path.exists():
            run_program("ip", "netns", "delete", self.name)

    def ip(self, *arguments: str) -> None:
        run_program("ip", "-n", self.name, *arguments)

    def run(self, work: Callable[[], Result], seconds: float = 120) -> Result:
        """The result of a function that sees this namespace's network only.

        Sockets keep the namespace they were made in, and so do programs that the function starts:
        an HTTP client or a browser that is started here lives in this network.
        """
        future: Future[Result] = Future()

        def work_inside() -> None:
            try:
                self._enter()
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  the caller gets it
                future.set_exception(error)

        # A thread of its own: a thread that has entered a namespace is of no use to others. It is a
        # daemon so that a hanging client ends with the test run.
        threading.Thread(target=work_inside, name=f"in {self.name}", daemon=True).start()
        return future.result(timeout=seconds)

    def _enter(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        namespace = os.open(self.path, os.O_RDONLY)
        try:
            if libc.setns(namespace, CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(self.path))
        finally:
            os.close(namespace)
