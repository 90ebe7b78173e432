"""HTTP to the model runner: transport faults and error answers become errors with words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from http import HTTPStatus
from typing import TypeVar

import httpx

from appliance.llm.condition import KnowCondition, diagnose
from appliance.llm.errors import AnswerCutOffError, ModelFailedError, error_from_answer
from appliance.llm.model import JsonObject, Timeouts
from appliance.llm.runner_errors import ModelRunnerUnavailableError, unavailable

Value = TypeVar("Value")


class Connection:
    """Sends requests to the runner. An empty `model` means that the request is about none."""

    def __init__(
        self, http: httpx.AsyncClient, timeouts: Timeouts, address: str, know: KnowCondition
    ) -> None:
        self._http = http
        self._timeouts = timeouts
        self._address = address
        self._know = know

    async def aclose(self) -> None:
        """Close every connection; requests that still run break off."""
        await self._http.aclose()

    async def unavailable(
        self, reason: str, *, timed_out: bool = False
    ) -> ModelRunnerUnavailableError:
        """Return the error that says why there is no answer, as far as it is known."""
        silence = diagnose(await self._know(), timed_out=timed_out)
        return unavailable(silence, address=self._address, reason=reason)

    async def lookup(self, path: str, body: JsonObject | None = None) -> JsonObject:
        """Ask for something that the runner knows without loading a model."""
        model = str((body or {}).get("model", ""))
        method = "GET" if body is None else "POST"
        request = self._request(method, path, body, self._timeouts.lookup)
        response = await self._answer(self._http.send(request))
        if response.status_code != HTTPStatus.OK:
            raise error_from_answer(model, response.content, response.status_code)
        try:
            return read_object(response.content)
        except ValueError as error:
            raise await self.unavailable(str(error)) from error

    async def work(self, path: str, body: JsonObject) -> JsonObject:
        """Have a model do something; waits as long as loading it may take."""
        model = str(body["model"])
        request = self._request("POST", path, body, self._timeouts.load)
        response = await self._answer(self._http.send(request), model)
        if response.status_code != HTTPStatus.OK:
            raise error_from_answer(model, response.content, response.status_code)
        return read_answer(model, response.content)

    async def stream(self, path: str, body: JsonObject) -> AsyncGenerator[JsonObject, None]:
        """Yield the objects of a streamed answer.

        Whatever ends this generator (the end, an error, `aclose()`, cancellation) also ends the
        connection, which is how the runner learns that nobody reads any more.
        """
        model = str(body["model"])
        request = self._request("POST", path, body, self._timeouts.load)
        response = await self._answer(self._http.send(request, stream=True), model)
        async with aclosing(response), aclosing(self._lines(model, response)) as lines:
            if response.status_code != HTTPStatus.OK:
                refusal = await self._answer(response.aread(), model)
                raise error_from_answer(model, refusal, response.status_code)
            async for line in lines:
                answer = read_answer(model, line)
                if "error" in answer:
                    raise error_from_answer(model, line)
                yield answer

    async def _answer(self, work: Awaitable[Value], model: str = "") -> Value:
        """Turn what httpx raises before an answer began into this feature's errors."""
        try:
            return await work
        except httpx.TransportError as error:
            if model and isinstance(error, httpx.ReadTimeout):
                reason = "it did not begin to answer in time."
                raise ModelFailedError(model=model, reason=reason) from error
            timed_out = isinstance(error, httpx.TimeoutException)
            raise await self.unavailable(repr(error), timed_out=timed_out) from error

    def _request(
        self, method: str, path: str, body: JsonObject | None, patience: float
    ) -> httpx.Request:
        timeout = httpx.Timeout(self._timeouts.connect, read=patience)
        return self._http.build_request(method, path, json=body, timeout=timeout)

    async def _lines(self, model: str, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        """Yield lines cut at newlines only: httpx would also cut at U+0085 inside the text."""
        pieces = response.aiter_raw()
        rest = b""
        while (piece := await self._next_piece(model, pieces)) is not None:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.strip():
                    yield line
        if rest.strip():
            yield rest

    async def _next_piece(self, model: str, pieces: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout(self._timeouts.token):
                return await anext(pieces, None)
        except TimeoutError as error:
            reason = f"it wrote nothing for {self._timeouts.token:g} seconds."
            raise ModelFailedError(model=model, reason=reason) from error
        except httpx.TransportError as error:
            raise AnswerCutOffError(model=model) from error


def read_object(body: bytes) -> JsonObject:
    """Read a JSON object; anything else is a ValueError."""
    answer = json.loads(body)
    if not isinstance(answer, dict):
        message = "The answer is JSON but not an object."
        raise ValueError(message)  # noqa: TRY004  the caller treats both faults alike
    return answer


def read_answer(model: str, body: bytes) -> JsonObject:
    """Read a model's answer."""
    try:
        return read_object(body)
    except ValueError as error:
        reason = "it answered with something that is not JSON."
        raise ModelFailedError(model=model, reason=reason) from error
