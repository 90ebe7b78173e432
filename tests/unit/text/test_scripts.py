from __future__ import annotations

import pytest

from appliance.text.scripts import separator, without_breaks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("在北\n京市", "在北京市"),
        ("第一。\n第二", "第一。第二"),
        ("東京\nタワー", "東京タワー"),
        ("สวัส  \n  ดี", "สวัสดี"),
        ("段落\n\n段落", "段落\n\n段落"),
        ("版本\n2.0\n发布", "版本\n2.0\n发布"),
        ("한국\n사람", "한국\n사람"),
        ("two\nwords", "two\nwords"),
    ],
)
def test_lines_are_joined_where_no_space_may_stand(text: str, expected: str) -> None:
    assert without_breaks(text) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("在北", "京市", ""), ("在北", "Beijing", " "), ("one", "two", " "), ("한국", "사람", " ")],
)
def test_two_lines_become_one(before: str, after: str, expected: str) -> None:
    assert separator(before, after) == expected
