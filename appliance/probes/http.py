"""Does a web server answer with the expected status?"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp

from appliance.probes.model import Answer, ProbeResult, ProbeState, measured


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """Gets one URL, over TCP or over a unix socket.

    `verified` says whether a certificate must be one that an authority vouches for.
    """

    url: str
    socket: Path | None = None
    expected: HTTPStatus = HTTPStatus.OK
    limit: float = 3.0
    verified: bool = True

    async def read(self) -> ProbeResult:
        """Ask once, on a connection of its own: a kept one would hide that nobody accepts."""
        return await measured(self._ask, limit=self.limit)

    async def _ask(self) -> Answer:
        connector = aiohttp.UnixConnector(str(self.socket)) if self.socket else None
        async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
            try:
                async with session.get(
                    self.url, allow_redirects=False, ssl=self.verified
                ) as response:
                    return self._judge(response.status)
            except aiohttp.ClientConnectorError as error:
                sentence = f"it does not accept connections: {error.strerror}"
                return Answer(ProbeState.FAILED, sentence)
            except aiohttp.ServerDisconnectedError:
                return Answer(ProbeState.FAILED, "it hung up without an answer")

    def _judge(self, status: int) -> Answer:
        if status == self.expected:
            return Answer(ProbeState.OK, "answers")
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return Answer(ProbeState.NOT_READY, "answers that it is not ready")
        return Answer(ProbeState.FAILED, f"answers {status} instead of {self.expected:d}")
