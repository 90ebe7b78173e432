"""Does a server that must not be asked have its socket?"""

from __future__ import annotations

import asyncio
import stat
from dataclasses import dataclass
from pathlib import Path

from appliance.probes.model import Answer, ProbeResult, ProbeState, measured


@dataclass(frozen=True, slots=True)
class SocketFileProbe:
    """Looks for the socket of a server to which its supervisor may not connect.

    A server that adds to the backups for everybody who may connect is not for the supervisor. Its
    driver says whether it runs, and the file, which is removed before each start, that it listens.
    """

    path: Path
    limit: float = 3.0

    async def read(self) -> ProbeResult:
        """Look once."""
        return await measured(self._look, limit=self.limit)

    async def _look(self) -> Answer:
        try:
            found = await asyncio.to_thread(self.path.lstat)
        except FileNotFoundError:
            return Answer(ProbeState.NOT_READY, "has no socket yet")
        if not stat.S_ISSOCK(found.st_mode):
            return Answer(ProbeState.FAILED, f"{self.path} is no socket")
        return Answer(ProbeState.OK, "listens")
