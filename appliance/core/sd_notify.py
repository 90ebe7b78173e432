"""What we tell systemd about ourselves; without systemd nothing happens."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sdnotify import SystemdNotifier  # type: ignore[import-untyped]


def watchdog_interval(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return how often to call `watchdog`, in seconds: half of what systemd allows."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isdigit() else None


class Notifier:
    """The notification socket that NOTIFY_SOCKET named when the process started."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        # Made only if systemd listens: the library opens a socket in any case.
        self._systemd = SystemdNotifier() if environment.get("NOTIFY_SOCKET") else None

    def ready(self) -> None:
        """Say that what we serve can be used."""
        self._tell("READY=1")

    def status(self, sentence: str) -> None:
        """Show one sentence in `systemctl status`."""
        self._tell(f"STATUS={' '.join(sentence.split())}")

    def stopping(self) -> None:
        """Say that we end on purpose."""
        self._tell("STOPPING=1")

    def watchdog(self) -> None:
        """Say that we made progress; systemd ends us when it misses this for too long."""
        self._tell("WATCHDOG=1")

    def _tell(self, message: str) -> None:
        if self._systemd:
            self._systemd.notify(message)
