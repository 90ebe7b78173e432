"""What can go wrong between Cloister and the model runner, and how its answers are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from appliance.core.errors import ApplianceError
from appliance.core.text import storable


class ModelMissingError(ApplianceError):
    """The model is not installed. Facts: `model`."""

    code = "model_missing"
    status = HTTPStatus.NOT_FOUND
    sentence = "The model “{model}” is not installed."
    hint = "An operator can install it or choose another one."


class ModelNotFoundError(ApplianceError):
    """A request names a model that it may not name, installed or not. Facts: `model`."""

    code = "model_not_found"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no model “{model}” here that a request may name."
    hint = "GET /v1/models lists those that it may name; an operator can allow others."


class ModelBusyError(ApplianceError):
    """The runner's own queue is full. Facts: `model`."""

    code = "model_busy"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The model runner has more requests than it can take."
    hint = "Try again in a minute."


class ModelFailedError(ApplianceError):
    """The runner reports a fault of its own. Facts: `model`, `reason`."""

    code = "model_failed"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The model “{model}” failed: {reason}"
    hint = "Try again. If it goes on, ask the operator to look at the model runner's log."

    @property
    def crashed(self) -> bool:
        """Whether the process behind the runner died; the next request starts it again."""
        reason = str(self.facts["reason"])
        return "EOF" in reason or "connection refused" in reason


class PromptTooLongError(ApplianceError):
    """The text does not fit. Facts: `model`, `prompt_tokens`, `context_tokens` (may be None)."""

    code = "prompt_too_long"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "The text is longer than the model “{model}” can read at once."
    hint = "Ask a shorter question, or start a new conversation."


class AnswerCutOffError(ApplianceError):
    """The stream ended before the runner said that the answer is complete. Facts: `model`."""

    code = "answer_cut_off"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The model “{model}” stopped in the middle of its answer."
    hint = "Ask again for a complete answer."


class ModelCannotEmbedError(ApplianceError):
    """The model writes text but makes no vectors. Facts: `model`."""

    code = "model_cannot_embed"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The model “{model}” cannot make a search index."
    hint = "Choose an embedding model."


class VectorsTooLongError(ApplianceError):
    """The model's vectors cannot be indexed. Facts: `model`, `dimensions`, `most`."""

    code = "vectors_too_long"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The vectors of “{model}” are too long: {dimensions} numbers each, {most} at most."
    hint = "Choose a smaller embedding model."


class ModelCannotChatError(ApplianceError):
    """The model makes vectors but writes no text. Facts: `model`."""

    code = "model_cannot_chat"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The model “{model}” cannot write answers."
    hint = "Choose a chat model."


class CloudModelRefusedError(ApplianceError):
    """The runner would send the text to a server on the internet. Facts: `model`."""

    code = "cloud_model_refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The model “{model}” runs on another company's computers, so it is not used."
    hint = "Choose a model that is installed on this machine."


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error body, unwrapped: the innermost message and what came with it."""

    message: str
    is_json: bool
    kind: str | None = None
    prompt_tokens: int | None = None
    context_tokens: int | None = None


def unwrap(body: bytes) -> ErrorAnswer:
    """Read an error body: plain text, JSON, or JSON that holds its engine's JSON as a string."""
    value: Any = body.decode("utf-8", "replace").strip()
    is_json = False
    details: dict[str, Any] = {}
    while True:
        if isinstance(value, str):
            try:
                inner = json.loads(value)
            except ValueError:
                break
            if not isinstance(inner, dict):
                break
            value = inner
        elif isinstance(value, dict) and ("error" in value or "message" in value):
            is_json = True
            details = value
            value = value.get("error", value.get("message"))
        else:
            break
    return ErrorAnswer(
        # An answer that failed is kept with the reason.
        message=storable(str(value)) or "no reason given",
        is_json=is_json,
        kind=details.get("type"),
        prompt_tokens=details.get("n_prompt_tokens"),
        context_tokens=details.get("n_ctx"),
    )


def error_from_answer(model: str, body: bytes, status: int | None = None) -> ApplianceError:
    """Return the error that an answer means; `status` is None for an error inside a stream."""
    answer = unwrap(body)
    message = answer.message
    if answer.kind == "exceed_context_size_error" or "exceeds the context length" in message:
        return PromptTooLongError(
            model=model, prompt_tokens=answer.prompt_tokens, context_tokens=answer.context_tokens
        )
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return ModelBusyError(model=model)
    # Without JSON it is the path that is unknown, not the model.
    if status == HTTPStatus.NOT_FOUND and answer.is_json:
        return ModelMissingError(model=model)
    if status == HTTPStatus.NOT_IMPLEMENTED or "does not support embed" in message:
        return ModelCannotEmbedError(model=model)
    if "does not support chat" in message or "does not support generate" in message:
        return ModelCannotChatError(model=model)
    return ModelFailedError(model=model, reason=message)
