"""A body is a JSON object or nothing."""

from __future__ import annotations

import pytest

from appliance.web.json_body import json_object


def test_an_object_is_returned() -> None:
    assert json_object(b'{"query": "pump"}') == {"query": "pump"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b'"text"', b"\xff\xfe", b"[" * 5000, b"a=b"]
)
def test_anything_else_is_none(content: bytes) -> None:
    assert json_object(content) is None
