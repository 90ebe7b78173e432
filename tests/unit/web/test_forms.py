"""Forms accept valid values, explain invalid ones, and keep the typed text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import FormData, web

from appliance.core.errors import InvalidInputError
from appliance.web.forms import LARGEST_FORM, Form, decoded, read_form

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.test_utils import TestClient

    Browser = TestClient[web.Request, web.Application]
    Client = Callable[[web.Application], Awaitable[Browser]]


def test_it_returns_what_is_right() -> None:
    form = Form({"name": "  Ágnes\r\nW ", "days": "30", "role": "member"})
    assert form.text("name") == "Ágnes\nW"
    assert form.whole_number("days", minimum=1, maximum=90) == 30
    assert form.choice("role", ("member", "operator")) == "member"
    assert form.valid


def test_it_keeps_what_was_typed_next_to_what_is_wrong() -> None:
    form = Form({"name": " x ", "days": "many"})
    form.text("name", minimum=3)
    form.text("note")
    form.whole_number("days", minimum=1, maximum=90)
    assert not form.valid
    assert form.value("name") == " x "
    assert form.error("note") == "Please fill this in."
    assert all(form.error(name) for name in ("name", "note", "days"))


def test_an_optional_field_may_be_empty() -> None:
    form = Form()
    assert form.text("note", minimum=0) == ""
    assert form.valid


@pytest.mark.parametrize("typed", ["", "-1", "0", "91", "1.5", "٣", "1e3", "9" * 40])
def test_it_refuses_what_is_no_number_in_range(typed: str) -> None:
    form = Form({"days": typed})
    form.whole_number("days", minimum=1, maximum=90)
    assert not form.valid


def test_it_refuses_texts_that_cannot_be_kept() -> None:
    form = Form({"a": "x\0y", "b": "x" * 201, "c": "boss"})
    form.text("a")
    form.text("b")
    form.choice("c", ("member",))
    assert all(form.error(name) for name in ("a", "b", "c"))


def test_a_password_is_taken_as_typed_and_never_shown_again() -> None:
    form = Form({"password": "  two  words "})
    assert form.secret("password", minimum=8) == "  two  words "
    assert form.value("password") == ""


def test_the_first_error_of_a_field_stays() -> None:
    form = Form()
    form.fail("name", "one")
    form.fail("name", "two")
    assert form.error("name") == "one"


async def read(request: web.Request) -> web.Response:
    try:
        form = await read_form(request, limit=300)
    except InvalidInputError as error:
        return web.Response(status=error.status, text=error.message)
    return web.Response(text=form.text("name"))


@pytest.fixture
async def client(aiohttp_client: Client) -> Browser:
    app = web.Application()
    app.router.add_post("/", read)
    return await aiohttp_client(app)


async def test_it_reads_a_posted_form(client: Browser) -> None:
    assert await (await client.post("/", data={"name": "Ágnes"})).text() == "Ágnes"


async def test_it_refuses_a_form_that_is_too_long(client: Browser) -> None:
    assert (await client.post("/", data={"name": "x" * 400})).status == 422


async def test_it_refuses_files(client: Browser) -> None:
    data = FormData()
    data.add_field("name", b"x", filename="x.txt")
    answer = await client.post("/", data=data)
    assert answer.status == 422
    assert "files" in await answer.text()


def test_a_body_larger_than_any_form_is_refused_before_it_is_decoded() -> None:
    assert decoded(b"a=" + b"x" * (LARGEST_FORM - 2))
    with pytest.raises(InvalidInputError):
        decoded(b"a=" + b"%FF" * LARGEST_FORM)
