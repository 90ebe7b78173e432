"""Errors as answers, for people and for programs."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from bs4 import BeautifulSoup

from appliance.core.errors import BusyError, InvalidInputError, NotFoundError
from appliance.core.log import OneLine
from appliance.web.errors import ErrorAnswers, remember_start
from appliance.web.headers import CONTENT_SECURITY_POLICY, add_security_headers
from appliance.web.render import Frame, Site
from tests.unit.web.pages import renderer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.test_utils import TestClient

    Browser = TestClient[web.Request, web.Application]
    Client = Callable[[web.Application], Awaitable[Browser]]

SECRET = "password=hunter2 host=/run/postgres"


def bare(_request: web.Request, title: str) -> Frame:
    return Frame(title=title, site=Site.CHAT)


def broken(_request: web.Request, _title: str) -> Frame:
    raise RuntimeError(SECRET)


async def refuse(_request: web.Request) -> web.Response:
    raise InvalidInputError(problem="A <b>title</b> is missing.", remedy="Type one.")


async def fail(_request: web.Request) -> web.Response:
    raise RuntimeError(SECRET)


async def hide(_request: web.Request) -> web.Response:
    raise NotFoundError(what="document")


async def leave(_request: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/elsewhere")


async def swallow(request: web.Request) -> web.Response:
    await request.post()
    return web.Response(text="ok")


async def break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"begun")
    raise RuntimeError(SECRET)


async def put_off(_request: web.Request) -> web.Response:
    raise BusyError(seconds=7)


@pytest.fixture
async def client(aiohttp_client: Client, request: pytest.FixtureRequest) -> Browser:
    frame = getattr(request, "param", bare)
    app = web.Application(client_max_size=1000)
    app.middlewares.append(ErrorAnswers(renderer(), frame, bare).middleware)
    app.on_response_prepare.extend([remember_start, add_security_headers])
    for place in ("", "/api", "/v1"):
        app.router.add_get(f"{place}/refuse", refuse)
        app.router.add_get(f"{place}/fail", fail)
        app.router.add_get(f"{place}/hide", hide)
        app.router.add_get(f"{place}/put-off", put_off)
        app.router.add_post(f"{place}/swallow", swallow)
    app.router.add_get("/leave", leave)
    app.router.add_get("/break-off", break_off)
    return await aiohttp_client(app)


async def test_a_person_reads_the_sentence_and_the_hint(client: Browser) -> None:
    answer = await client.get("/refuse")
    page = BeautifulSoup(await answer.text(), "html.parser")
    assert answer.status == 422
    assert page.h1 is not None
    assert page.h1.text == "A <b>title</b> is missing."
    assert "Type one." in page.text


async def test_htmx_gets_it_for_the_corner(client: Browser) -> None:
    answer = await client.get("/refuse", headers={"HX-Request": "true"})
    text = await answer.text()
    assert answer.status == 422
    assert answer.headers["HX-Retarget"] == "#toasts"
    assert answer.headers["HX-Reswap"] == "beforeend"
    assert "<html" not in text
    assert 'role="alert"' in text


async def test_a_program_gets_json(client: Browser) -> None:
    answer = await client.get("/api/hide")
    assert answer.status == 404
    assert await answer.json() == {"error": NotFoundError(what="document").as_json()}


async def test_the_openai_path_has_its_own_shape(client: Browser) -> None:
    error = (await (await client.get("/v1/hide")).json())["error"]
    assert error["code"] == "not_found"
    assert error["type"] == "invalid_request_error"
    assert error["param"] is None
    assert (await (await client.get("/v1/fail")).json())["error"]["type"] == "server_error"


@pytest.mark.parametrize("path", ["/fail", "/api/fail", "/v1/fail"])
async def test_a_defect_shows_its_number_and_nothing_else(client: Browser, path: str) -> None:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(OneLine(to_journal=False))
    logging.getLogger("appliance.web.errors").addHandler(handler)
    answer = await client.get(path)
    logging.getLogger("appliance.web.errors").removeHandler(handler)
    text = await answer.text()
    assert answer.status == 500
    assert "hunter2" not in text
    assert "RuntimeError" not in text
    number = re.search(r"\[request ([0-9a-f]{8})\]", output.getvalue())
    assert number is not None
    assert number[1] in text
    assert "Traceback" in output.getvalue()


@pytest.mark.parametrize("client", [broken], indirect=True)
async def test_an_error_page_does_not_need_its_frame(client: Browser) -> None:
    answer = await client.get("/hide")
    assert answer.status == 404
    assert "There is no such document." in await answer.text()


async def test_a_person_reads_that_there_is_no_such_page(client: Browser) -> None:
    answer = await client.get("/nothing")
    assert answer.status == 404
    assert "There is no such page." in await answer.text()


@pytest.mark.parametrize("path", ["/api/nothing", "/v1/nothing"])
async def test_a_program_reads_nothing_about_pages_at_an_unknown_address(
    client: Browser, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status == 404
    error = (await answer.json())["error"]
    assert error["code"] == "not_found"
    assert error["message"].startswith("There is no such address.")
    assert "page" not in str(error)


async def test_a_wrong_method_says_which_ones_are_right(client: Browser) -> None:
    answer = await client.get("/swallow")
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    assert "buttons" in await answer.text()


@pytest.mark.parametrize("path", ["/api/swallow", "/v1/swallow"])
async def test_a_program_with_a_wrong_method_is_referred_to_the_header(
    client: Browser, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    error = (await answer.json())["error"]
    assert error["code"] == "method_not_allowed"
    assert "Allow" in str(error)
    assert "buttons" not in str(error)


@pytest.mark.parametrize("place", ["", "/api", "/v1"])
async def test_who_is_put_off_learns_for_how_long(client: Browser, place: str) -> None:
    answer = await client.get(f"{place}/put-off")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    text = await answer.text()
    assert "Many people are asking at the moment." in text
    assert "database" not in text
    assert "Retry-After" not in (await client.get(f"{place}/refuse")).headers


async def test_a_body_that_is_too_large_is_refused(client: Browser) -> None:
    answer = await client.post("/swallow", data={"text": "x" * 2000})
    assert answer.status == 413
    assert "larger than Cloister takes" in await answer.text()


async def test_redirects_pass(client: Browser) -> None:
    answer = await client.get("/leave", allow_redirects=False)
    assert answer.status == 303


async def test_an_answer_that_has_begun_is_broken_off(client: Browser) -> None:
    answer = await client.get("/break-off")
    text = (await answer.content.read(5)).decode()
    assert text == "begun"


@pytest.mark.parametrize("path", ["/refuse", "/api/hide", "/break-off"])
async def test_every_answer_carries_the_policy(client: Browser, path: str) -> None:
    answer = await client.get(path)
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
