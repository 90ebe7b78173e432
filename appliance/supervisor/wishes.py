"""What an operator wants to stay down, for the next supervisor to know."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from appliance.core.files import write_atomically

logger = logging.getLogger(__name__)


class Wishes:
    """A small file in a folder that the machine forgets when it starts anew.

    With it an operator's stop outlives a crash and an upgrade of the supervisor, and is over after
    a reboot, as one of `systemctl stop` is. Losing the file loses wishes, and nothing else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, datetime] = {}
        self._failing = False

    def read(self) -> dict[str, datetime]:
        """Return which units are to stay down, and since when that is wished."""
        try:
            entries = json.loads(self._path.read_bytes())
            self._kept = {str(name): datetime.fromisoformat(at) for name, at in entries.items()}
        except FileNotFoundError:
            self._kept = {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            logger.warning("what operators had stopped is forgotten: %s", error)
            self._kept = {}
        return dict(self._kept)

    def are(self, names: Collection[str]) -> bool:
        """Say whether exactly these are remembered."""
        return set(names) == set(self._kept)

    def keep(self, names: Collection[str], now: datetime) -> None:
        """Remember that exactly these stay down. Where the disk does not let us, try again."""
        if self.are(names):
            return
        wanted = {name: self._kept.get(name, now) for name in sorted(names)}
        text = json.dumps({name: at.isoformat() for name, at in wanted.items()})
        try:
            write_atomically(self._path, text.encode())
        except OSError as error:
            if not self._failing:
                logger.warning("a wish is not remembered yet: %s", error)
            self._failing = True
        else:
            self._kept, self._failing = wanted, False
