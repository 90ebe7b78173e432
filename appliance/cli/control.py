"""Talk to the running supervisor over its control socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from appliance.cli.errors import NotRunningError
from appliance.core.errors import ApplianceError

_ANSWER_WITHIN = aiohttp.ClientTimeout(total=30)
_FOR_EVER = aiohttp.ClientTimeout(total=None)


class RefusedError(ApplianceError):
    """What the supervisor said instead of doing it."""

    sentence = "{message}"
    hint = "{advice}"


class Control:
    """A client of `supervisor/control.py`. Raises NotRunningError when nobody listens."""

    def __init__(self, socket: Path, home: Path) -> None:
        self._socket = socket
        self._home = home

    async def ask(self, method: str, path: str, **values: str) -> Any:  # noqa: ANN401 - JSON
        """Send a request and return the JSON answer."""
        try:
            async with (
                self._session(_ANSWER_WITHIN) as session,
                session.request(method, f"http://control{path}", params=values) as answer,
            ):
                body = await answer.json()
        except (aiohttp.ClientConnectionError, FileNotFoundError) as error:
            raise NotRunningError(home=self._home) from error
        if answer.status >= 400:
            raise RefusedError(message=body["message"], advice=body["hint"])
        return body

    async def follow(self, path: str) -> AsyncIterator[str]:
        """Yield the lines of an answer that goes on."""
        try:
            async with (
                self._session(_FOR_EVER) as session,
                session.get(f"http://control{path}") as answer,
            ):
                async for line in answer.content:
                    yield line.decode(errors="replace").rstrip("\n")
        except (aiohttp.ClientConnectionError, FileNotFoundError) as error:
            raise NotRunningError(home=self._home) from error

    def _session(self, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
        connector = aiohttp.UnixConnector(path=str(self._socket))
        return aiohttp.ClientSession(connector=connector, timeout=timeout)
