"""Each answer that asks its client to come back says when."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from http import HTTPStatus
from string import Formatter
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

import admin
import appliance
import webchat
from appliance.core.errors import ApplianceError
from appliance.web import errors
from appliance.web.errors import ErrorAnswers, remember_start
from appliance.web.headers import add_retry_after
from tests.unit.web.pages import renderer
from tests.unit.web.test_errors import bare

if TYPE_CHECKING:
    from tests.unit.web.test_errors import Client

LATER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
PATHS = ("/page", "/api/call", "/v1/call", "/admin/page", "/admin/api/call")


def every_error(of: type[ApplianceError] = ApplianceError) -> Iterator[type[ApplianceError]]:
    """Yield each kind of error that the program has."""
    yield of
    for kind in of.__subclasses__():
        yield from every_error(kind)


def errors_that_pass() -> list[type[ApplianceError]]:
    for package in (appliance, webchat, admin):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found = {kind for kind in every_error() if kind.status in LATER}
    return sorted(found, key=lambda kind: kind.__qualname__)


def an_error(kind: type[ApplianceError]) -> ApplianceError:
    """Make an error whose sentences have a fact each time that they name one."""
    texts = [kind.sentence, kind.hint]
    for words in kind.variants.values():
        texts += [words.sentence, words.hint]
    names = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}
    return kind(**dict.fromkeys(names | {"seconds"}, 7))


@pytest.mark.parametrize("kind", errors_that_pass(), ids=lambda kind: kind.__qualname__)
@pytest.mark.parametrize("path", PATHS)
async def test_each_such_error_says_when_to_ask_again(
    aiohttp_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[ApplianceError],
    path: str,
) -> None:
    monkeypatch.setattr(errors, "REFUSAL_SECONDS", 0)
    error = an_error(kind)

    async def refuse(_request: web.Request) -> web.Response:
        raise error

    app = web.Application(middlewares=[ErrorAnswers(renderer(), bare, bare).middleware])
    app.on_response_prepare.extend([remember_start, add_retry_after])
    app.router.add_get(path, refuse)
    answer = await (await aiohttp_client(app)).get(path)
    assert answer.status == kind.status
    assert int(answer.headers["Retry-After"]) == (error.retry_after or 5)


async def test_any_other_answer_with_such_a_status_does_too(aiohttp_client: Client) -> None:
    async def unready(_request: web.Request) -> web.Response:
        return web.json_response({}, status=HTTPStatus.SERVICE_UNAVAILABLE)

    async def fine(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.on_response_prepare.append(add_retry_after)
    app.router.add_get("/ready", unready)
    app.router.add_get("/", fine)
    client = await aiohttp_client(app)
    assert (await client.get("/ready")).headers["Retry-After"] == "5"
    assert "Retry-After" not in (await client.get("/")).headers
