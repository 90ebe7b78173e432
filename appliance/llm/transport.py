"""Below Ollama's client: what every request with a model carries, and faults as typed errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import cast

import httpx
from typing_extensions import override

from appliance.llm.condition import KnowCondition, diagnose
from appliance.llm.errors import AnswerCutOffError, ModelFailedError, error_from_answer
from appliance.llm.model import JsonObject
from appliance.llm.runner_errors import ModelRunnerUnavailableError, unavailable

# With these, a prompt that is too long is refused with 400; without them the runner silently drops
# its oldest messages or half of it. Ollama's client has no parameter for them. `shift` must never
# vary, because it is an option of the loaded model.
_CHAT_RULES = {"truncate": False, "shift": False}
_CHAT = "/api/chat"


class Faults:
    """Turns the errors of httpx before an answer begins into this feature's errors.

    `know` says what is known about the runner at `address` without asking it.
    """

    def __init__(self, address: str, know: KnowCondition) -> None:
        self._address = address
        self._know = know

    async def unavailable(
        self, reason: str, *, timed_out: bool = False
    ) -> ModelRunnerUnavailableError:
        """Return the error that says why there is no answer, as far as it is known."""
        silence = diagnose(await self._know(), timed_out=timed_out)
        return unavailable(silence, address=self._address, reason=reason)

    @asynccontextmanager
    async def translated(self, model: str = "") -> AsyncIterator[None]:
        """Translate what the block raises; without `model` the request makes no model work."""
        try:
            yield
        except httpx.TransportError as error:
            if model and isinstance(error, httpx.ReadTimeout):
                reason = "it did not begin to answer in time."
                raise ModelFailedError(model=model, reason=reason) from error
            timed_out = isinstance(error, httpx.TimeoutException)
            raise await self.unavailable(repr(error), timed_out=timed_out) from error


class ModelTransport(httpx.AsyncBaseTransport):
    """Sends the requests of Ollama's client; every body names a `model`.

    Raises an ApplianceError for each fault, also in the middle of a stream. Ollama's client passes
    these errors through, while it would lose the details that an error answer holds.
    """

    def __init__(
        self, network: httpx.AsyncBaseTransport, token_timeout: float, faults: Faults
    ) -> None:
        self._network = network
        self._token_timeout = token_timeout
        self._faults = faults

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body: JsonObject = json.loads(await request.aread())
        model = str(body["model"])
        async with self._faults.translated(model):
            response = await self._network.handle_async_request(_prepared(request, body))
            if response.status_code == HTTPStatus.OK and body.get("stream"):
                answers = _Answers(model, response, self._token_timeout)
                return httpx.Response(HTTPStatus.OK, stream=answers)
            async with aclosing(response):
                content = await response.aread()
        if response.status_code != HTTPStatus.OK:
            raise error_from_answer(model, content, response.status_code)
        return httpx.Response(HTTPStatus.OK, json=read_answer(model, content))


def _prepared(request: httpx.Request, body: JsonObject) -> httpx.Request:
    """Return the request as it is sent: without an API key, and with the rules of a chat."""
    headers = request.headers.copy()
    headers.pop("authorization", None)
    headers.pop("content-length", None)
    rules = _CHAT_RULES if request.url.path == _CHAT else {}
    return httpx.Request(
        request.method,
        request.url,
        headers=headers,
        json={**body, **rules},
        extensions=request.extensions,
    )


class _Answers(httpx.AsyncByteStream):
    """The lines of a streamed answer, each a JSON object in ASCII.

    Closing it, for whatever reason, closes the connection, by which the runner learns that the
    answer is no longer wanted.
    """

    def __init__(self, model: str, response: httpx.Response, token_timeout: float) -> None:
        self._model = model
        self._response = response
        self._token_timeout = token_timeout

    @override
    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._lines()) as lines:
            async for line in lines:
                answer = read_answer(self._model, line)
                if "error" in answer:
                    raise error_from_answer(self._model, line)
                # In ASCII, because the client cuts lines also at U+0085 inside the text.
                yield json.dumps(answer).encode("ascii") + b"\n"

    @override
    async def aclose(self) -> None:
        await self._response.aclose()

    async def _lines(self) -> AsyncGenerator[bytes, None]:
        rest = b""
        # Closed here: a generator that is only dropped is closed later, maybe after the loop.
        async with aclosing(
            cast("AsyncGenerator[bytes, None]", self._response.aiter_raw())
        ) as pieces:
            while (piece := await self._next_piece(pieces)) is not None:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield line
        if rest.strip():
            yield rest

    async def _next_piece(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout(self._token_timeout):
                return await anext(pieces, None)
        except TimeoutError as error:
            reason = f"it wrote nothing for {self._token_timeout:g} seconds."
            raise ModelFailedError(model=self._model, reason=reason) from error
        except httpx.TransportError as error:
            raise AnswerCutOffError(model=self._model) from error


def read_object(body: bytes) -> JsonObject:
    """Read a JSON object. Raises ValueError for anything else."""
    answer = json.loads(body)
    if not isinstance(answer, dict):
        message = "The answer is JSON but not an object."
        raise ValueError(message)  # noqa: TRY004  the caller treats both faults alike
    return answer


def read_answer(model: str, body: bytes) -> JsonObject:
    """Read a model's answer. Raises ModelFailedError."""
    try:
        return read_object(body)
    except ValueError as error:
        reason = "it answered with something that is not JSON."
        raise ModelFailedError(model=model, reason=reason) from error
