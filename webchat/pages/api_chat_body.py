"""The request bodies of OpenAI's API, checked and converted into Cloister's own values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from appliance.accounts.model import Account
from appliance.answering.model import AnswerRequest, Turn
from appliance.conversations.service import checked_question
from appliance.core.errors import ApplianceError
from appliance.core.variables import MEBIBYTE
from appliance.web.json_body import json_object

OUR_NAME = "cloister"
MOST_MESSAGES = 1000
MOST_TEXTS = 256
LONGEST_TEXT = 100_000
# All texts together: three times the limit of OpenAI's own API (300,000 tokens), in any script.
LARGEST_BODY = 4 * MEBIBYTE

JsonObject = dict[str, Any]


class InvalidBodyError(ApplianceError):
    """The body of a request in OpenAI's shape cannot be used. Facts: `problem`."""

    code = "invalid_request"
    sentence = "{problem}"
    hint = "Cloister's documentation of /v1 describes the body."


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A body of POST /v1/chat/completions; no `model` means the one in use."""

    model: str | None
    question: str
    turns: tuple[Turn, ...]
    stream: bool
    include_usage: bool
    limit_tokens: int | None

    def for_reader(self, reader: Account) -> AnswerRequest:
        """Return the request of a reader."""
        return AnswerRequest(reader, self.question, self.turns, self.model, self.limit_tokens)


class Encoding(StrEnum):
    """How a vector is written: as a list of numbers, or as their bytes."""

    FLOAT = "float"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """A body of POST /v1/embeddings; no `model` means the one in use."""

    model: str | None
    texts: tuple[str, ...]
    encoding: Encoding


def read_chat_request(content: bytes) -> ChatRequest:
    """Read a body. The last message is the question; earlier messages are turns."""
    body = _object(content)
    messages = _messages(body)
    if not messages or messages[-1][0] != "user":
        raise InvalidBodyError(problem="The last of “messages” must be the user's question.")
    stream = body.get("stream", False)
    if not isinstance(stream, bool):
        raise InvalidBodyError(problem="“stream” is neither true nor false.")
    options = body.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    return ChatRequest(
        model=_name(body),
        question=checked_question(messages[-1][1]),
        turns=tuple(_turns(messages[:-1])),
        stream=stream,
        include_usage=usage,
        limit_tokens=_limit(body),
    )


def read_embedding_request(content: bytes) -> EmbeddingRequest:
    """Read a body: `input` is a text or a list of texts."""
    body = _object(content)
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 1 <= len(texts) <= MOST_TEXTS:
        raise InvalidBodyError(problem=f"“input” is not a text or 1 to {MOST_TEXTS} texts.")
    for text in texts:
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_TEXT:
            raise InvalidBodyError(problem="“input” holds something empty, too long or no text.")
    encoding = body.get("encoding_format", Encoding.FLOAT)
    if encoding not in list(Encoding):
        raise InvalidBodyError(problem="“encoding_format” is neither “float” nor “base64”.")
    return EmbeddingRequest(_name(body), tuple(texts), Encoding(encoding))


def _object(content: bytes) -> JsonObject:
    body = json_object(content)
    if body is None or not _is_text(body):
        raise InvalidBodyError(problem="The body is not a JSON object.")
    return body


def _is_text(body: JsonObject) -> bool:
    """Say whether no text has half a surrogate pair, which the model runner refuses."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def _name(body: JsonObject) -> str | None:
    """Return the name of a model; “cloister” means the one in use."""
    name = body.get("model", OUR_NAME)
    if not isinstance(name, str) or not name.strip():
        raise InvalidBodyError(problem="“model” is not a name.")
    return None if name.strip() == OUR_NAME else name.strip()


def _limit(body: JsonObject) -> int | None:
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is None:
        return None
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise InvalidBodyError(problem="“max_tokens” is not a number of tokens.")
    return limit


def _messages(body: JsonObject) -> list[tuple[str, str]]:
    messages = body.get("messages")
    if not isinstance(messages, list) or len(messages) > MOST_MESSAGES:
        raise InvalidBodyError(problem=f"“messages” is not a list of 1 to {MOST_MESSAGES}.")
    return [_message(message) for message in messages]


def _message(message: object) -> tuple[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise InvalidBodyError(problem="A message has no “role”.")
    content = message.get("content")
    if isinstance(content, list):
        # A list of parts, all of which must be text.
        content = "\n".join(_part(part) for part in content)
    if not isinstance(content, str):
        raise InvalidBodyError(problem="A message has no “content” that is text.")
    return message["role"], content


def _part(part: object) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    raise InvalidBodyError(problem="A message has a part that is no text.")


def _turns(messages: Iterable[tuple[str, str]]) -> Iterable[Turn]:
    """Pair questions with their answers; other roles, such as `system`, are ignored."""
    question: str | None = None
    for role, content in messages:
        if role == "user":
            question = content
        elif role == "assistant" and question is not None:
            yield Turn(question, content)
            question = None
