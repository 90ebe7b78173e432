from __future__ import annotations

import json

import pytest

from appliance.core.errors import ApplianceError
from appliance.llm.errors import (
    ModelBusyError,
    ModelCannotEmbedError,
    ModelFailedError,
    ModelMissingError,
    PromptTooLongError,
    error_from_answer,
    unwrap,
)

ENGINE = {
    "code": 400,
    "message": "request (624 tokens) exceeds the available context size (256 tokens)",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 624,
    "n_ctx": 256,
}


def nested(inner: object) -> bytes:
    return json.dumps({"error": json.dumps({"error": inner})}).encode()


def test_the_engines_json_inside_the_runners_is_unwrapped() -> None:
    answer = unwrap(nested(ENGINE))

    assert answer.message == ENGINE["message"]
    assert (answer.prompt_tokens, answer.context_tokens) == (624, 256)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":"no memory"}', "no memory"),
        (b'{"error":{"message":"bad","type":"not_found_error"}}', "bad"),
        (b'{"error":"[1, 2]"}', "[1, 2]"),
        (b'{"error":"42"}', "42"),
        (b'{"error":"{broken"}', "{broken"),
        (b'{"error":null}', "None"),
        (b"404 page not found", "404 page not found"),
        (b"", "no reason given"),
        (b"\xff", "\ufffd"),
    ],
)
def test_any_error_body_has_words(body: bytes, message: str) -> None:
    assert unwrap(body).message == message


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (nested(ENGINE), 400, PromptTooLongError),
        (nested(ENGINE), None, PromptTooLongError),
        (b'{"error":"the input length exceeds the context length"}', 400, PromptTooLongError),
        (b'{"error":"server busy"}', 503, ModelBusyError),
        (b'{"error":"model \'m\' not found"}', 404, ModelMissingError),
        (b"404 page not found", 404, ModelFailedError),
        (nested({"message": "no embeddings here"}), 501, ModelCannotEmbedError),
        (b'{"error":"this model does not support embeddings"}', 400, ModelCannotEmbedError),
        (b"<html>", 302, ModelFailedError),
        (b'{"error":"unexpected EOF"}', None, ModelFailedError),
    ],
)
def test_each_answer_means_one_error(
    body: bytes, status: int | None, expected: type[ApplianceError]
) -> None:
    assert type(error_from_answer("m", body, status)) is expected
