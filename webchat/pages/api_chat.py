"""The OpenAI-shaped interface: POST /v1/chat/completions, /v1/embeddings and GET /v1/models.

Retrieval happens always; what was cited comes in `citations` of the answer or of the last chunk.
Nothing is kept: these are no conversations.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web

from appliance.accounts.guard import holder
from appliance.answering.errors import InternalFaultError
from appliance.answering.model import Numbered, Outcome, Part, Queued, Words
from appliance.core.errors import ApplianceError
from appliance.llm.errors import ModelCannotChatError, ModelMissingError
from appliance.llm.runner_errors import ModelRunnerUnavailableError
from webchat import keys
from webchat.pages.api_chat_body import (
    LARGEST_BODY,
    OUR_NAME,
    ChatRequest,
    read_chat_request,
    read_embedding_request,
)
from webchat.pages.api_client import while_wanted, whole_body

JsonObject = dict[str, Any]

_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    # Nginx would otherwise collect words until its buffer is full.
    "X-Accel-Buffering": "no",
}


@dataclass(frozen=True, slots=True)
class Completion:
    """What all objects of one answer have in common."""

    request: ChatRequest
    created: int
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")

    def whole(self, text: str, outcome: Outcome) -> JsonObject:
        """Return the answer as one object."""
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            **self._frame("chat.completion"),
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "logprobs": None,
                    "finish_reason": _finish_reason(outcome),
                }
            ],
            "usage": _usage(outcome),
            **_cloisters_own(outcome),
        }

    def chunk(self, delta: JsonObject, finish_reason: str | None = None) -> JsonObject:
        """Return a piece of a streamed answer."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._frame("chat.completion.chunk"), "choices": [choice]}

    def last_chunk(self, outcome: Outcome) -> JsonObject:
        """Return the piece that ends the answer and carries its citations."""
        return self.chunk({}, _finish_reason(outcome)) | _cloisters_own(outcome)

    def usage_chunk(self, outcome: Outcome) -> JsonObject:
        """Return what clients get last who ask for `stream_options.include_usage`."""
        return {**self._frame("chat.completion.chunk"), "choices": [], "usage": _usage(outcome)}

    def _frame(self, kind: str) -> JsonObject:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.request.model,
        }


async def complete(request: web.Request) -> web.StreamResponse:
    """POST /v1/chat/completions. A client that leaves stops the model."""
    wanted = read_chat_request(await whole_body(request, LARGEST_BODY))
    await _check_model(request, wanted.model)
    completion = Completion(wanted, int(request.app[keys.CLOCK].now().timestamp()))
    parts = request.app[keys.ANSWERING].compose(wanted.enquiry(holder(request).account))
    if wanted.stream:
        return await _streamed(request, completion, parts)
    return await while_wanted(request, _whole(completion, parts))


async def models(request: web.Request) -> web.Response:
    """GET /v1/models: “cloister” is whichever chat model the operator chose."""
    installed = await request.app[keys.RUNNER].models()
    names = [OUR_NAME, *(model.name for model in installed)]
    data = [{"id": name, "object": "model", "created": 0, "owned_by": OUR_NAME} for name in names]
    return web.json_response({"object": "list", "data": data})


async def embeddings(request: web.Request) -> web.Response:
    """POST /v1/embeddings."""
    wanted = read_embedding_request(await whole_body(request, LARGEST_BODY))
    made = await request.app[keys.RUNNER].embed(wanted.model, wanted.texts)
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(made.vectors)
    ]
    tokens = made.prompt_tokens or 0
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return web.json_response(
        {"object": "list", "data": data, "model": wanted.model, "usage": usage}
    )


async def _check_model(request: web.Request, name: str) -> None:
    """Refuse a model that is not there: who names one does not want quotations instead."""
    if name == OUR_NAME:
        return
    try:
        installed = await request.app[keys.RUNNER].models()
    except ModelRunnerUnavailableError:
        # Then the passages answer, and the answer says why.
        return
    named = [model for model in installed if model.name in {name, f"{name}:latest"}]
    if not named:
        raise ModelMissingError(model=name)
    if not named[0].can_chat:
        raise ModelCannotChatError(model=name)


async def _whole(completion: Completion, parts: AsyncGenerator[Part, None]) -> web.StreamResponse:
    text = ""
    async with aclosing(parts):
        async for part in parts:
            if isinstance(part, Words):
                text += part.text
            elif isinstance(part, Outcome):
                if part.failure is not None:
                    raise part.failure
                return web.json_response(completion.whole(text, part))
    raise InternalFaultError


async def _streamed(
    request: web.Request, completion: Completion, parts: AsyncGenerator[Part, None]
) -> web.StreamResponse:
    response = web.StreamResponse(headers=_STREAM_HEADERS)
    try:
        await while_wanted(request, _stream(request, response, completion, parts))
    except ApplianceError as error:
        # Before the first part it gets its own status.
        if not response.prepared:
            raise
        await _send(response, _error(error))
    await response.write(b"data: [DONE]\n\n")
    return response


async def _stream(
    request: web.Request,
    response: web.StreamResponse,
    completion: Completion,
    parts: AsyncGenerator[Part, None],
) -> web.StreamResponse:
    async with aclosing(parts):
        await anext(parts)
        await response.prepare(request)
        await _send(response, completion.chunk({"role": "assistant", "content": ""}))
        async for part in parts:
            await _send_part(response, completion, part)
    return response


async def _send_part(response: web.StreamResponse, completion: Completion, part: Part) -> None:
    match part:
        case Words(text=text):
            await _send(response, completion.chunk({"content": text}))
        case Queued():
            # A comment keeps proxies from closing a quiet stream.
            await response.write(f": {part.ahead} answers before this one\n\n".encode())
        case Outcome(failure=None):
            await _send(response, completion.last_chunk(part))
            if completion.request.include_usage:
                await _send(response, completion.usage_chunk(part))
        case Outcome(failure=ApplianceError() as failure):
            raise failure
        case _:
            # The evidence is told with the citations, at the end.
            pass


async def _send(response: web.StreamResponse, content: JsonObject) -> None:
    await response.write(f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode())


def _error(error: ApplianceError) -> JsonObject:
    """Return an error that comes after the headers, in the shape that OpenAI's clients know."""
    message = f"{error.message} {error.advice}"
    ours = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = "server_error" if ours else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "code": error.code, "param": None}}


def _finish_reason(outcome: Outcome) -> str:
    too_long = outcome.note is not None and outcome.note.code == "answer_too_long"
    return "length" if too_long else "stop"


def _usage(outcome: Outcome) -> JsonObject:
    usage = outcome.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.answer_tokens,
        "total_tokens": usage.prompt_tokens + usage.answer_tokens,
    }


def _cloisters_own(outcome: Outcome) -> JsonObject:
    """Return what OpenAI's API does not have: the sources, and where the words come from."""
    own: JsonObject = {
        "citations": [_citation(each) for each in outcome.cited],
        "kind": outcome.kind,
        "reading": asdict(outcome.reading),
    }
    if outcome.note is not None:
        own["note"] = outcome.note.as_json()
    return own


def _citation(numbered: Numbered) -> JsonObject:
    passage = numbered.passage
    return {
        "number": numbered.number,
        "document": str(passage.document_id),
        "file": passage.file_name,
        "page": passage.page,
        "label": passage.label,
        "start": passage.start,
        "end": passage.end,
        "quote": passage.text,
    }
