"""What is wanted of a unit, and who asked for it; kept on disk for the next supervisor."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from appliance.core.files import write_atomically

logger = logging.getLogger(__name__)


class DesiredState(StrEnum):
    """What is wanted of a unit. RESTART becomes RUNNING when the new run begins."""

    RUNNING = "running"
    STOPPED = "stopped"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked for the desired state, and when.

    `outside` says that it was asked of systemd instead of Cloister; `by` then names the program.
    """

    by: str
    at: datetime
    outside: bool = False


class StoppedUnits:
    """Which units are to stay stopped, in a small file below /run.

    With it a stop outlives a crash and an upgrade of the supervisor, and ends with a reboot. When
    the file is lost, every unit is wanted again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, Request] = {}
        self._failing = False

    def read(self) -> dict[str, Request]:
        """Return which units are to stay stopped, and who asked for that."""
        try:
            entries = json.loads(self._path.read_bytes())
            self._kept = {str(name): _request(entry) for name, entry in entries.items()}
        except FileNotFoundError:
            self._kept = {}
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            logger.warning("stopped units are not known, so all are started: %s", error)
            self._kept = {}
        return dict(self._kept)

    def are(self, stopped: Mapping[str, Request]) -> bool:
        """Say whether the file holds exactly these."""
        return dict(stopped) == self._kept

    def keep(self, stopped: Mapping[str, Request]) -> None:
        """Write exactly these. On a full disk nothing is written, and the next call tries again."""
        if self.are(stopped):
            return
        entries = {name: _entry(request) for name, request in sorted(stopped.items())}
        try:
            write_atomically(self._path, json.dumps(entries).encode())
        except OSError as error:
            if not self._failing:
                logger.warning("desired state not saved yet: %s", error)
            self._failing = True
        else:
            self._kept, self._failing = dict(stopped), False


def _entry(request: Request) -> dict[str, object]:
    return {"by": request.by, "at": request.at.isoformat()}


def _request(entry: dict[str, Any]) -> Request:
    return Request(by=str(entry["by"]), at=datetime.fromisoformat(entry["at"]))
