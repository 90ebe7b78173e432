"""The OpenAI-shaped interface: POST /v1/chat/completions and GET /v1/models.

Retrieval happens always; the answer, or its last chunk, carries the `citations`.
Nothing is saved: these requests are not conversations.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from aiohttp import web

from appliance.accounts.guard import holder
from appliance.answering.citation_json import JsonObject, finished_json
from appliance.answering.model import Finished, Part, Queued, StopReason, TextDelta
from appliance.core.errors import ApplianceError, InternalError
from appliance.llm.choice import Purpose
from appliance.llm.runner_errors import ModelRunnerUnavailableError
from appliance.web.errors import openai_error
from appliance.web.stream import EVENT_STREAM_HEADERS
from webchat import keys
from webchat.pages.api_chat_body import (
    LARGEST_BODY,
    OUR_NAME,
    ChatRequest,
    read_chat_request,
)
from webchat.pages.api_client import read_body, until_disconnect


@dataclass(frozen=True, slots=True)
class Completion:
    """The values that all objects of one answer share."""

    request: ChatRequest
    created: int
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")

    def whole(self, text: str, finished: Finished) -> JsonObject:
        """Return the answer as one object."""
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            **self._frame("chat.completion"),
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "logprobs": None,
                    "finish_reason": _finish_reason(finished),
                }
            ],
            "usage": _usage(finished),
            **finished_json(finished),
        }

    def chunk(self, delta: JsonObject, finish_reason: str | None = None) -> JsonObject:
        """Return a piece of a streamed answer."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**self._frame("chat.completion.chunk"), "choices": [choice]}

    def last_chunk(self, finished: Finished) -> JsonObject:
        """Return the last chunk with text fields, which carries the citations."""
        return self.chunk({}, _finish_reason(finished)) | finished_json(finished)

    def usage_chunk(self, finished: Finished) -> JsonObject:
        """Return the chunk that `stream_options.include_usage` asks for."""
        return {**self._frame("chat.completion.chunk"), "choices": [], "usage": _usage(finished)}

    def _frame(self, kind: str) -> JsonObject:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.request.model or OUR_NAME,
        }


async def complete(request: web.Request) -> web.StreamResponse:
    """POST /v1/chat/completions. The model stops when the client disconnects."""
    wanted = read_chat_request(await read_body(request, LARGEST_BODY))
    await _check_model(request, wanted)
    completion = Completion(wanted, int(request.app[keys.CLOCK].now().timestamp()))
    parts = request.app[keys.ANSWERING].compose(wanted.for_reader(holder(request).account))
    if wanted.stream:
        return await _streamed(request, completion, parts)
    return await until_disconnect(request, _whole(completion, parts))


async def models(request: web.Request) -> web.Response:
    """GET /v1/models: what a request may name; “cloister” is the model in use."""
    allowed = await request.app[keys.ANSWERING].nameable_models()
    names = [OUR_NAME, *(model.name for model in allowed)]
    data = [{"id": name, "object": "model", "created": 0, "owned_by": OUR_NAME} for name in names]
    return web.json_response({"object": "list", "data": data})


async def _check_model(request: web.Request, wanted: ChatRequest) -> None:
    """Refuse a model at once: a client that names one does not want quotations instead."""
    if wanted.model is None:
        return
    # Without a runner the answer quotes passages, and its note says why.
    with contextlib.suppress(ModelRunnerUnavailableError):
        await request.app[keys.ANSWERING].nameable(Purpose.CHAT, wanted.model)


async def _whole(completion: Completion, parts: AsyncGenerator[Part, None]) -> web.StreamResponse:
    text = ""
    async with aclosing(parts):
        async for part in parts:
            if isinstance(part, TextDelta):
                text += part.text
            elif isinstance(part, Finished):
                if part.failure is not None:
                    raise part.failure
                return web.json_response(completion.whole(text, part))
    raise InternalError


async def _streamed(
    request: web.Request, completion: Completion, parts: AsyncGenerator[Part, None]
) -> web.StreamResponse:
    response = web.StreamResponse(headers=EVENT_STREAM_HEADERS)
    try:
        await until_disconnect(request, _stream(request, response, completion, parts))
    except ApplianceError as error:
        # Before the first part the error gets its own status.
        if not response.prepared:
            raise
        await _send(response, openai_error(error))
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
        case TextDelta(text=text):
            await _send(response, completion.chunk({"content": text}))
        case Queued():
            # A comment keeps proxies from closing a quiet stream.
            await response.write(f": {_waiting(part)}\n\n".encode())
        case Finished(failure=None):
            await _send(response, completion.last_chunk(part))
            if completion.request.include_usage:
                await _send(response, completion.usage_chunk(part))
        case Finished(failure=ApplianceError() as failure):
            raise failure
        case _:
            # The last chunk carries the citations, and clients need no other part.
            pass


async def _send(response: web.StreamResponse, content: JsonObject) -> None:
    await response.write(f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode())


def _waiting(queued: Queued) -> str:
    wait = "" if queued.seconds is None else f", about {queued.seconds} seconds"
    return f"{queued.ahead} answers before this one{wait}"


def _finish_reason(finished: Finished) -> str:
    return "length" if finished.stop_reason is StopReason.LENGTH else "stop"


def _usage(finished: Finished) -> JsonObject:
    tokens = finished.tokens
    return {
        "prompt_tokens": tokens.prompt_tokens,
        "completion_tokens": tokens.answer_tokens,
        "total_tokens": tokens.prompt_tokens + tokens.answer_tokens,
    }
