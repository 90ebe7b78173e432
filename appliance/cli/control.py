"""Talk to the running supervisor over its control socket."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import AsyncGenerator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from appliance.cli.errors import NotRunningError, RightsMissingError, ServiceNotRunningError
from appliance.core.errors import ApplianceError

_ANSWER_WITHIN = aiohttp.ClientTimeout(total=30)
_FOR_EVER = aiohttp.ClientTimeout(total=None)


class RefusedError(ApplianceError):
    """What the supervisor said instead of doing it."""

    sentence = "{message}"
    hint = "{advice}"


class Control:
    """A client of `supervisor/control.py`.

    Raises NotRunningError when nobody listens, RightsMissingError when the caller may not ask.
    """

    def __init__(self, socket: Path, home: Path, *, packaged: bool = False) -> None:
        self._socket = socket
        self._home = home
        self._packaged = packaged

    async def ask(self, method: str, path: str, **values: str) -> Any:  # noqa: ANN401 - JSON
        """Send a request and return the JSON answer."""
        try:
            async with (
                self._session(_ANSWER_WITHIN) as session,
                session.request(method, f"http://control{path}", params=values) as answer,
            ):
                body = await answer.json()
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise self._refusal(error) from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _refused(body)
        return body

    async def follow(self, path: str) -> AsyncGenerator[str, None]:
        """Yield the lines of an answer that goes on."""
        try:
            async with (
                self._session(_FOR_EVER) as session,
                session.get(f"http://control{path}") as answer,
            ):
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise _refused(await answer.json())
                # A supervisor that ends while somebody follows ends the answer in the middle.
                with contextlib.suppress(aiohttp.ClientPayloadError):
                    async for line in answer.content:
                        yield line.decode(errors="replace").rstrip("\n")
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> ApplianceError:
        """Say why nobody answered, as the caller can act on it."""
        if isinstance(error, OSError) and error.errno in {errno.EACCES, errno.EPERM}:
            return RightsMissingError()
        return ServiceNotRunningError() if self._packaged else NotRunningError(home=self._home)

    def _session(self, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
        connector = aiohttp.UnixConnector(path=str(self._socket))
        return aiohttp.ClientSession(connector=connector, timeout=timeout)


def _refused(body: dict[str, str]) -> RefusedError:
    return RefusedError(message=body["message"], advice=body["hint"])
