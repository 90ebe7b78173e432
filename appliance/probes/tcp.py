"""Does something accept connections there?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from appliance.probes.model import Answer, ProbeResult, ProbeState, measured


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """Connects to a port, and hangs up."""

    host: str
    port: int
    limit: float = 2.0

    async def read(self) -> ProbeResult:
        """Try to connect once."""
        return await measured(self._ask, limit=self.limit)

    async def _ask(self) -> Answer:
        try:
            _, writer = await asyncio.open_connection(self.host, self.port)
        except ConnectionRefusedError:
            return Answer(ProbeState.FAILED, f"nothing listens on {self.host}:{self.port}")
        writer.close()
        return Answer(ProbeState.OK, f"{self.host}:{self.port} accepts connections")
