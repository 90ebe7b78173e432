"""Does a web server answer with the expected status?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp

from appliance.probes.model import Answer, ProbeResult, ProbeState, measured


@dataclass(frozen=True, slots=True)
class Identity:
    """What only the right server answers: the content of a file, in a header."""

    header: str
    file: Path


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """Gets one URL, over TCP or over a unix socket.

    `verified` says whether a certificate must be one that an authority vouches for. With an
    `identity`, an answer of another server is a failure, whatever its status is.
    """

    url: str
    socket: Path | None = None
    expected: HTTPStatus = HTTPStatus.OK
    limit: float = 3.0
    verified: bool = True
    identity: Identity | None = None

    async def read(self) -> ProbeResult:
        """Ask once, on a new connection: a kept one would hide that the server accepts none."""
        return await measured(self._ask, limit=self.limit)

    async def _ask(self) -> Answer:
        connector = aiohttp.UnixConnector(str(self.socket)) if self.socket else None
        async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
            try:
                async with session.get(
                    self.url, allow_redirects=False, ssl=self.verified
                ) as response:
                    if not await self._comes_from_the_right_server(response):
                        return Answer(ProbeState.FAILED, "another server answers on its address")
                    return self._judge(response.status)
            except aiohttp.ClientConnectorError as error:
                sentence = f"it does not accept connections: {error.strerror}"
                # A server that is busy accepts no connection when its queue of them is full.
                return Answer(ProbeState.FAILED, sentence, silent=True)
            except aiohttp.ServerDisconnectedError:
                return Answer(ProbeState.FAILED, "it hung up without an answer")

    async def _comes_from_the_right_server(self, response: aiohttp.ClientResponse) -> bool:
        if self.identity is None:
            return True
        expected = await asyncio.to_thread(self.identity.file.read_text)
        return response.headers.get(self.identity.header) == expected.strip()

    def _judge(self, status: int) -> Answer:
        if status == self.expected:
            return Answer(ProbeState.OK, "answers")
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return Answer(ProbeState.NOT_READY, "answers that it is not ready")
        return Answer(ProbeState.FAILED, f"answers {status} instead of {self.expected:d}")
