"""Ask the running appliance over one of its unix sockets."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from typing_extensions import override

from appliance.cli.errors import RightsMissingError
from appliance.core.errors import ApplianceError, Audience

# Most requests are answered at once. What follows a log, or waits for a model, has no end of its
# own: there the server decides, and only a connection that cannot be made ends the wait.
ANSWER_WITHIN = aiohttp.ClientTimeout(total=30)
# Work that an operation does before the answer, such as reaching a target of copies.
PATIENT = aiohttp.ClientTimeout(total=180)
NO_LIMIT = aiohttp.ClientTimeout(total=None, sock_connect=5)


class RefusedError(ApplianceError):
    """The appliance's own error, as it was sent: `code` is the one of the sent error."""

    sentence = "{message}"
    hint = "{advice}"

    def __init__(self, code: str, message: str, advice: str) -> None:
        super().__init__(message=message, advice=advice)
        self.sent_code = code

    @override
    def as_json(self, audience: Audience = Audience.COMMAND_LINE) -> dict[str, str]:
        """Return the error under the code that the appliance sent."""
        return super().as_json(audience) | {"code": self.sent_code}


@dataclass(frozen=True, slots=True)
class Connection:
    """A client of one process, or of the first of several that accepts a connection.

    Each call raises RefusedError for an error that the appliance answers, RightsMissingError when
    the caller may not connect, and what `not_running` returns when no process listens.
    """

    sockets: Sequence[Path]
    not_running: Callable[[], ApplianceError]
    headers: Mapping[str, str] = field(default_factory=dict)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        form: aiohttp.FormData | aiohttp.MultipartWriter | None = None,
        timeout: aiohttp.ClientTimeout = ANSWER_WITHIN,  # noqa: ASYNC109 - the client's own type
    ) -> Any:  # noqa: ANN401 - JSON
        """Send a request and return the JSON answer; None for an answer without a body."""
        async with self._answered(
            method, path, timeout=timeout, params=params, json=body, data=form
        ) as answer:
            return await answer.json() if answer.status != HTTPStatus.NO_CONTENT else None

    async def lines(
        self, method: str, path: str, *, body: object = None
    ) -> AsyncGenerator[str, None]:
        """Yield the lines of an answer that goes on, without their line ends."""
        async with self._answered(method, path, timeout=NO_LIMIT, json=body) as answer:
            # A process that ends in the middle of the answer ends the answer.
            with contextlib.suppress(aiohttp.ClientPayloadError):
                async for line in answer.content:
                    yield line.decode(errors="replace").rstrip("\r\n")

    @contextlib.asynccontextmanager
    async def _answered(
        self,
        method: str,
        path: str,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the client's own type
        **request: Any,  # noqa: ANN401 - what aiohttp takes
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        async with contextlib.AsyncExitStack() as stack:
            try:
                answer = await self._send(stack, method, path, timeout, **request)
            except (aiohttp.ClientConnectionError, OSError) as error:
                raise self._refusal(error) from error
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise refused(await answer.json())
            yield answer

    async def _send(
        self,
        stack: contextlib.AsyncExitStack,
        method: str,
        path: str,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the client's own type
        **request: Any,  # noqa: ANN401 - what aiohttp takes
    ) -> aiohttp.ClientResponse:
        """Send to the first process that accepts a connection."""
        problem: OSError = FileNotFoundError(errno.ENOENT, "there is no socket")
        for socket in self.sockets:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(path=str(socket)),
                    timeout=timeout,
                    headers=dict(self.headers),
                )
            )
            try:
                return await stack.enter_async_context(
                    session.request(method, f"http://cloister{path}", **request)
                )
            except aiohttp.ClientConnectorError as error:
                problem = error
        raise problem

    def _refusal(self, error: Exception) -> ApplianceError:
        """Say why there is no answer, as the caller can act on it."""
        if isinstance(error, OSError) and error.errno in {errno.EACCES, errno.EPERM}:
            return RightsMissingError()
        return self.not_running()


def refused(body: Mapping[str, Any]) -> RefusedError:
    """Return the error that an answer holds: the one of the control socket, /api/ or /v1/."""
    error = body.get("error", body)
    return RefusedError(error["code"], error["message"], error.get("hint", ""))
