"""A body is a JSON object or nothing."""

from __future__ import annotations

import json

import pytest

from appliance.web.json_body import MOST_VALUES, TooManyValuesError, json_object


def test_an_object_is_returned() -> None:
    assert json_object(b'{"query": "pump"}') == {"query": "pump"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b'"text"', b"\xff\xfe", b"[" * 5000, b"a=b"]
)
def test_anything_else_is_none(content: bytes) -> None:
    assert json_object(content) is None


def test_a_large_body_of_many_values_is_refused_and_one_of_long_texts_is_read() -> None:
    many = b'{"a":[' + b"[]," * (2 * MOST_VALUES) + b"1]}"
    with pytest.raises(TooManyValuesError):
        json_object(many)
    text = json.dumps({"a": ', [ { " \\ ' * 50_000})
    assert json_object(text.encode()) == json.loads(text)
    assert json_object(b'{"a":[' + b"1," * 1000 + b"1]}") is not None
