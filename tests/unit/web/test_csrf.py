"""Whose page a form may come from."""

from __future__ import annotations

import pytest

from appliance.web.csrf import same_origin


@pytest.mark.parametrize("origin", [None, "http://box.example", "https://box.example"])
def test_our_own_pages_and_programs_may_send_forms(origin: str | None) -> None:
    assert same_origin(origin, "box.example")


@pytest.mark.parametrize(
    "origin",
    ["null", "", "https://elsewhere.example", "http://box.example:1", "http://[", "http://[x]"],
)
def test_whatever_else_is_claimed_is_another_site(origin: str) -> None:
    assert not same_origin(origin, "box.example")
