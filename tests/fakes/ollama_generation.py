"""The fake's working endpoints: chat, generate, embed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn

from aiohttp import web

from tests.fakes.ollama_behaviour import (
    FakeModel,
    FakeOllama,
    Fault,
    JsonObject,
    full_name,
)
from tests.fakes.ollama_words import embed, estimated_tokens, normalised, tokens

DEFAULT_CONTEXT = 4096
CREATED_AT = "2026-01-01T11:00:00.123456789Z"
NANOSECONDS = 1_000_000_000
CRASHED = "an error was encountered while running the model: unexpected EOF"
EMBED_CRASHED = 'do embedding request: Post "http://127.0.0.1:41235/v1/embeddings": EOF'
BUSY = "server busy, please try again.  maximum pending requests exceeded"
LOAD_FAILED = "llama-server process has terminated: exit status 1"
INTEGER_OPTIONS = ("num_ctx", "num_predict", "num_batch", "num_gpu", "num_thread", "seed")


class RefusedError(Exception):
    """An error answer: raised, so that any depth may give it."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status

    def response(self) -> web.Response:
        """Return the answer."""
        return web.json_response({"error": str(self)}, status=self.status)


def refuse(status: HTTPStatus, message: str) -> NoReturn:
    """Answer with an error."""
    raise RefusedError(status, message)


def refuse_nested(code: HTTPStatus, kind: str, message: str, **facts: int) -> NoReturn:
    """Answer with the engine's own JSON as a string inside the runner's."""
    inner = {"error": {"code": code.value, "message": message, "type": kind, **facts}}
    refuse(code, json.dumps(inner))


async def read_body(request: web.Request) -> JsonObject:
    """Read a JSON object as the runner does: whatever the Content-Type says."""
    text = await request.text()
    if not text:
        refuse(HTTPStatus.BAD_REQUEST, "missing request body")
    try:
        body = json.loads(text)
    except ValueError:
        refuse(HTTPStatus.BAD_REQUEST, "invalid character looking for beginning of value")
    if not isinstance(body, dict):
        refuse(HTTPStatus.BAD_REQUEST, "json: cannot unmarshal into Go value of type api.Request")
    return body


def options_of(body: JsonObject) -> JsonObject:
    """Return the options; those that are numbers must be numbers."""
    options: JsonObject = body.get("options") or {}
    for name in INTEGER_OPTIONS:
        if name in options and type(options[name]) is not int:
            message = f'option "{name}" must be of type integer'
            refuse(HTTPStatus.INTERNAL_SERVER_ERROR, message)
    return options


@dataclass(frozen=True, slots=True)
class Plan:
    """What one generation will write, decided before its first byte."""

    name: str
    thinking: list[str]
    words: list[str]
    done_reason: str
    prompt_tokens: int
    load_seconds: float
    first_token_delay: float

    def last(self) -> JsonObject:
        """Return what the last line adds."""
        return {
            "done": True,
            "done_reason": self.done_reason,
            "total_duration": int((self.load_seconds + 1) * NANOSECONDS),
            "load_duration": int(self.load_seconds * NANOSECONDS),
            "prompt_eval_count": self.prompt_tokens,
            "prompt_eval_duration": NANOSECONDS // 2,
            "eval_count": len(self.thinking) + len(self.words),
            "eval_duration": NANOSECONDS // 2,
        }


class Generation:
    """The handlers, for one fake."""

    def __init__(self, fake: FakeOllama) -> None:
        self._fake = fake

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /api/chat."""
        body = await read_body(request)
        model = self._model(body, "model '{name}' not found")
        self._refuse_what_it_cannot(model, body, "chat")
        messages: list[dict[str, str]] = body.get("messages") or []
        if not messages:
            return await self._load_only(model, body, chat=True)
        plan = await self._plan(model, body, messages)
        return await self._write(request, body, plan, chat=True)

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """POST /api/generate."""
        body = await read_body(request)
        model = self._model(body, "model '{name}' not found")
        self._refuse_what_it_cannot(model, body, "generate")
        if not body.get("prompt"):
            return await self._load_only(model, body, chat=False)
        plan = await self._plan(model, body, [{"role": "user", "content": body["prompt"]}])
        return await self._write(request, body, plan, chat=False)

    async def embed(self, request: web.Request) -> web.Response:
        """POST /api/embed."""
        body = await read_body(request)
        model = self._model(body, 'model "{name}" not found, try pulling it first')
        texts = body.get("input", [])
        texts = ([texts] if texts else []) if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            refuse(HTTPStatus.BAD_REQUEST, "invalid input type")
        if "embedding" not in model.capabilities:
            message = "This server does not support embeddings. Start it with `--embeddings`"
            refuse_nested(HTTPStatus.NOT_IMPLEMENTED, "not_supported_error", message)
        context = options_of(body).get("num_ctx", model.context_length)
        load_seconds = await self._load(model, context, shift=True)
        if body.get("keep_alive") == 0:
            self._fake.loaded.pop(model.name, None)
        counts = [estimated_tokens(text) for text in texts]
        if body.get("truncate") is False and max(counts, default=0) > context:
            refuse(HTTPStatus.BAD_REQUEST, "the input length exceeds the context length")
        vectors = await self._vectors(model, texts, body.get("dimensions"))
        answer = {
            "model": body["model"],
            "embeddings": vectors,
            "total_duration": int((load_seconds + 1) * NANOSECONDS),
            "load_duration": int(load_seconds * NANOSECONDS),
            "prompt_eval_count": sum(min(count, context) for count in counts),
        }
        return web.json_response(answer)

    async def _vectors(
        self, model: FakeModel, texts: list[str], cut: int | None
    ) -> list[list[float]]:
        async with self._fake.work():
            if texts and self._fake.behaviour.strikes(Fault.CRASH):
                self._fake.loaded.pop(model.name, None)
                refuse(HTTPStatus.BAD_REQUEST, EMBED_CRASHED)
            await asyncio.sleep(self._fake.behaviour.embed_delay)
            vectors = [embed(text, model.dimensions) for text in texts]
            if cut and cut < model.dimensions:
                vectors = [normalised(vector[:cut]) for vector in vectors]
            return vectors[1:] if self._fake.behaviour.strikes(Fault.FEWER_VECTORS) else vectors

    def _model(self, body: JsonObject, missing: str) -> FakeModel:
        name = body.get("model") or ""
        if not name:
            refuse(HTTPStatus.BAD_REQUEST, "model is required")
        model = self._fake.models.get(full_name(name))
        if model is None:
            refuse(HTTPStatus.NOT_FOUND, missing.format(name=name))
        if self._fake.behaviour.strikes(Fault.BUSY):
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, BUSY)
        if self._fake.behaviour.strikes(Fault.NESTED_ERROR):
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            refuse_nested(status, "server_error", "the engine ran out of memory")
        return model

    def _refuse_what_it_cannot(self, model: FakeModel, body: JsonObject, kind: str) -> None:
        name = body["model"]
        if "completion" not in model.capabilities:
            refuse(HTTPStatus.BAD_REQUEST, f'"{name}" does not support {kind}')
        if body.get("think") and "thinking" not in model.capabilities:
            refuse(HTTPStatus.BAD_REQUEST, f'"{name}" does not support thinking')
        if body.get("tools"):
            message = f"registry.ollama.ai/library/{full_name(name)} does not support tools"
            refuse(HTTPStatus.BAD_REQUEST, message)

    async def _load(self, model: FakeModel, context: int, *, shift: bool) -> float:
        if self._fake.behaviour.strikes(Fault.LOAD_FAILS):
            await asyncio.sleep(self._fake.behaviour.load_delay)
            refuse(HTTPStatus.INTERNAL_SERVER_ERROR, LOAD_FAILED)
        return await self._fake.load(model, context, shift=shift)

    async def _load_only(self, model: FakeModel, body: JsonObject, *, chat: bool) -> web.Response:
        """A request without anything to say loads the model, or unloads it."""
        unload = body.get("keep_alive") == 0
        if unload:
            self._fake.loaded.pop(model.name, None)
        else:
            context = options_of(body).get("num_ctx", DEFAULT_CONTEXT)
            await self._load(model, context, shift=body.get("shift", True))
        answer = line(body["model"], "", chat=chat)
        answer |= {"done": True, "done_reason": "unload" if unload else "load"}
        return web.json_response(answer)

    async def _plan(
        self, model: FakeModel, body: JsonObject, messages: list[dict[str, str]]
    ) -> Plan:
        options = options_of(body)
        shift = body.get("shift", True)
        # A test may change it as soon as the request is there: the load must not be waited for.
        first_token_delay = self._fake.behaviour.first_token_delay
        context = min(options.get("num_ctx", DEFAULT_CONTEXT), model.context_length)
        load_seconds = await self._load(model, context, shift=shift)
        thinks = "thinking" in model.capabilities and body.get("think") is not False
        thinking = tokens(self._fake.behaviour.thinking) if thinks else []
        words = tokens(self._fake.behaviour.words_for(messages))
        limit = options.get("num_predict", -1)
        cut = 0 <= limit < len(thinking) + len(words)
        return Plan(
            name=body["model"],
            thinking=thinking[:limit] if cut else thinking,
            words=words[: max(0, limit - len(thinking))] if cut else words,
            done_reason="length" if cut else "stop",
            prompt_tokens=self._prompt_tokens(body, messages, context, shift=shift),
            load_seconds=load_seconds,
            first_token_delay=first_token_delay,
        )

    def _prompt_tokens(
        self, body: JsonObject, messages: list[dict[str, str]], context: int, *, shift: bool
    ) -> int:
        """Count the prompt; old messages fall out of it before the last one is too long."""
        kept = [message for message in messages[:-1] if message["role"] == "system"]
        kept.append(messages[-1])
        size = self._fake.behaviour.characters_per_token
        whole = sum(estimated_tokens(message["content"], size) for message in messages)
        least = sum(estimated_tokens(message["content"], size) for message in kept)
        needed = whole if body.get("truncate") is False else least
        if needed <= context:
            return min(whole, context)
        if shift:
            return context // 2
        message = (
            f"request ({needed} tokens) exceeds the available context size ({context} tokens), "
            "try increasing it"
        )
        facts = {"n_prompt_tokens": needed, "n_ctx": context}
        refuse_nested(HTTPStatus.BAD_REQUEST, "exceed_context_size_error", message, **facts)

    async def _write(
        self, request: web.Request, body: JsonObject, plan: Plan, *, chat: bool
    ) -> web.StreamResponse:
        async with self._fake.work():
            await asyncio.sleep(plan.first_token_delay)
            if body.get("stream", True):
                return await self._stream(request, plan, chat=chat)
            await asyncio.sleep(self._fake.behaviour.token_delay * len(plan.words))
            if self._fake.behaviour.strikes(Fault.CRASH):
                refuse(HTTPStatus.INTERNAL_SERVER_ERROR, CRASHED)
            whole = line(plan.name, "".join(plan.words), "".join(plan.thinking), chat=chat)
            return web.json_response(whole | plan.last())

    async def _stream(self, request: web.Request, plan: Plan, *, chat: bool) -> web.StreamResponse:
        behaviour = self._fake.behaviour
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        written = [("", thought) for thought in plan.thinking] + [(word, "") for word in plan.words]
        for index, (word, thought) in enumerate([*written, ("", "")]):
            if index == min(behaviour.fault_after, len(written)) and behaviour.strikes(
                Fault.CRASH, Fault.CUT_OFF, Fault.DROP
            ):
                return await self._break(request, response)
            last = index == len(written)
            answer = line(plan.name, word, thought, chat=chat) | (plan.last() if last else {})
            await response.write(json.dumps(answer).encode() + b"\n")
            await asyncio.sleep(0 if last else behaviour.token_delay)
        return response

    async def _break(
        self, request: web.Request, response: web.StreamResponse
    ) -> web.StreamResponse:
        match self._fake.behaviour.fault:
            case Fault.CRASH:
                self._fake.loaded.clear()
                await response.write(json.dumps({"error": CRASHED}).encode() + b"\n")
            case Fault.DROP if request.transport is not None:
                request.transport.abort()
            case _:
                pass
        return response


def line(name: str, text: str, thinking: str = "", *, chat: bool) -> JsonObject:
    """Return a line of an answer without the fields that only the last one has."""
    content: dict[str, Any] = {"content" if chat else "response": text}
    if thinking:
        content["thinking"] = thinking
    if chat:
        content = {"message": {"role": "assistant", **content}}
    return {"model": name, "created_at": CREATED_AT, **content, "done": False}
