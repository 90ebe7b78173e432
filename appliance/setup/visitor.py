"""What a check does as a person would: add a document, wait until it is read, ask about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from appliance.core.clock import Clock
from appliance.setup.errors import (
    CheckRefusedError,
    FrontUnreachableError,
    SampleNotCitedError,
    SampleNotReadError,
)
from appliance.setup.sample import Sample

READ_SECONDS = 120.0
# A large model may have to be loaded from a slow disk first.
ANSWER_SECONDS = 900.0
_REQUEST_SECONDS = 30.0
_EVERY_SECONDS = 0.5
_READY, _BROKEN = "ready", {"failed", "quarantined"}


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    """The answer to the question, and the place in the test document that it cites."""

    text: str
    kind: str
    file: str
    page: int
    quote: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """A program with an API key at the address that people open.

    Each method raises FrontUnreachableError and CheckRefusedError.
    """

    client: httpx.AsyncClient
    key: str
    clock: Clock

    async def add(self, sample: Sample) -> str:
        """Add the test document to the library of the key's owner; return its id."""
        file = (sample.file_name, sample.content, "text/plain")
        answer = await self._ask("POST", "/api/documents", files={"file": file})
        return str(answer["id"])

    async def wait_until_read(self, document: str) -> None:
        """Wait until the document can be searched. Raises SampleNotReadError."""
        until = self.clock.monotonic() + READ_SECONDS
        while self.clock.monotonic() < until:
            found = await self._ask("GET", f"/api/documents/{document}")
            if found["status"] == _READY:
                return
            if found["status"] in _BROKEN:
                error = found.get("error") or {}
                raise SampleNotReadError(message=error.get("message", "it failed."))
            await self.clock.sleep(_EVERY_SECONDS)
        raise SampleNotReadError(message=f"it still waits after {READ_SECONDS:g} seconds.")

    async def ask(self, sample: Sample, document: str) -> CitedAnswer:
        """Ask the question. Raises SampleNotCitedError unless the answer cites the document."""
        body = {"messages": [{"role": "user", "content": sample.question}]}
        answer = await self._ask("POST", "/v1/chat/completions", json=body, patience=ANSWER_SECONDS)
        for citation in answer.get("citations", ()):
            if citation["document"] == document:
                text = str(answer["choices"][0]["message"]["content"])
                place = (str(citation["file"]), int(citation["page"]), str(citation["quote"]))
                return CitedAnswer(text, str(answer["kind"]), *place)
        raise SampleNotCitedError

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        patience: float = _REQUEST_SECONDS,
        **request: Any,  # noqa: ANN401 - what httpx takes
    ) -> Mapping[str, Any]:
        answer = await self._send(method, path, patience, **request)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if answer.is_error or not isinstance(found, dict):
            raise CheckRefusedError(path=path, status=answer.status_code, message=_message(found))
        return found

    async def _send(
        self,
        method: str,
        path: str,
        patience: float,
        **request: Any,  # noqa: ANN401 - what httpx takes
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        timeout = httpx.Timeout(_REQUEST_SECONDS, read=patience)
        try:
            return await self.client.request(
                method, path, headers=headers, timeout=timeout, **request
            )
        except httpx.TimeoutException:
            reason = f"no answer within {patience:g} seconds"
        except httpx.TransportError as error:
            reason = str(error).rstrip(".") or "it hung up"
        raise FrontUnreachableError(address=self.client.base_url, reason=reason)


def _message(found: object) -> str:
    error = found.get("error") if isinstance(found, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or "the answer is none of Cloister.")
