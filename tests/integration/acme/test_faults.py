"""What goes wrong between a machine and an authority, each with an error of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.acme.errors import (
    ClockWrongError,
    NonceError,
    RateLimitedError,
    ServerAwayError,
    ServerExpiredError,
    ServerOddError,
    ServerRefusedError,
    ServerUntrustedError,
    TermsChangedError,
)
from appliance.core.errors import ApplianceError
from tests.fakes.acme import csr_for, make_server_authority, running_pebble
from tests.fakes.clock import FakeClock
from tests.integration.acme.conftest import Asking
from tests.ports import free_port

NAME = "chat.example"
PREFIX = "urn:ietf:params:acme:error:"


async def refusal(ask: Asking, **request: object) -> ApplianceError:
    with pytest.raises(ApplianceError) as found:
        await ask("issue", csr=csr_for([NAME]).decode(), **request)
    return found.value


async def test_a_server_that_is_away_is_named_with_the_reason(ask: Asking) -> None:
    directory = f"https://127.0.0.1:{free_port()}/dir"
    error = await refusal(ask, directory=directory)
    assert type(error) is ServerAwayError
    assert error.message == f"{directory} cannot be reached: Connection refused."


async def test_a_name_that_no_server_knows_is_a_server_that_is_away(ask: Asking) -> None:
    error = await refusal(ask, directory="https://authority.invalid/dir")
    assert type(error) is ServerAwayError


async def test_without_its_root_a_server_is_not_trusted(ask: Asking) -> None:
    assert type(await refusal(ask, root="")) is ServerUntrustedError


async def test_another_root_does_not_vouch_for_it(ask: Asking, tmp_path: Path) -> None:
    other = make_server_authority(tmp_path / "other").root
    assert type(await refusal(ask, root=other)) is ServerUntrustedError


@pytest.mark.parametrize("begins", [timedelta(days=5), timedelta(days=-40)])
async def test_a_server_whose_certificate_is_out_of_its_dates_hints_at_the_clock(
    ask: Asking, tmp_path: Path, begins: timedelta
) -> None:
    folder = tmp_path / "pebble"
    authority = make_server_authority(folder, begins=datetime.now(UTC) + begins)
    with running_pebble(folder, authority=authority) as pebble:
        error = await refusal(ask.at(pebble))
    assert type(error) is ServerExpiredError
    assert "clock" in error.message


@pytest.mark.parametrize("wrong", [timedelta(days=1), timedelta(days=-1)])
async def test_a_clock_that_is_wrong_by_a_day_is_found_before_anything_is_ordered(
    ask: Asking, wrong: timedelta
) -> None:
    wrongly = replace(ask, clock=FakeClock(datetime.now(UTC) + wrong))
    error = await refusal(wrongly)
    assert type(error) is ClockWrongError
    assert not list(ask.settings.acme.iterdir())


class OneAnswer:
    """An authority that makes accounts, and answers each order with one problem."""

    def __init__(self, problem: str, status: int = 403, **headers: str) -> None:
        self.problem, self.status, self.headers = problem, status, headers
        self.orders = 0

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/dir", self._directory)
        app.router.add_get("/nonce", self._nonce)
        app.router.add_post("/account", self._account)
        app.router.add_post("/order", self._order)
        return app

    async def _directory(self, request: web.Request) -> web.Response:
        places = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
        origin = str(request.url.origin())
        return web.json_response({name: f"{origin}/{at}" for name, at in places.items()})

    async def _nonce(self, _: web.Request) -> web.Response:
        return web.Response(headers={"Replay-Nonce": "bm9uY2U"})

    async def _account(self, _: web.Request) -> web.Response:
        headers = {"Replay-Nonce": "bm9uY2U", "Location": "http://authority.example/account/1"}
        return web.json_response({"status": "valid"}, status=201, headers=headers)

    async def _order(self, _: web.Request) -> web.Response:
        self.orders += 1
        body = {"type": PREFIX + self.problem, "detail": "It was  too\nmuch."}
        headers = {"Replay-Nonce": "bm9uY2U", **self.headers}
        return web.json_response(
            body, status=self.status, headers=headers, content_type="application/problem+json"
        )


@asynccontextmanager
async def answering(authority: OneAnswer) -> AsyncIterator[str]:
    """Serve an authority; lend the address of its directory."""
    async with TestServer(authority.application()) as server:
        yield str(server.make_url("/dir"))


async def test_a_rate_limit_says_when_it_is_over(ask: Asking) -> None:
    async with answering(OneAnswer("rateLimited", 429, **{"Retry-After": "7200"})) as directory:
        error = await refusal(ask, directory=directory, root="", terms="")
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 7200
    assert "It was too much." in error.message
    assert "2 h" in error.advice


async def test_a_rate_limit_without_an_end_lasts_an_hour(ask: Asking) -> None:
    async with answering(OneAnswer("rateLimited", 429)) as directory:
        error = await refusal(ask, directory=directory, root="", terms="")
    assert error.retry_after == 3600


async def test_an_authority_that_waits_for_agreement_to_other_terms_says_to_which(
    ask: Asking,
) -> None:
    link = '<https://ca.example/terms-2>;rel="terms-of-service"'
    async with answering(OneAnswer("userActionRequired", Link=link)) as directory:
        error = await refusal(ask, directory=directory, root="", terms="")
    assert isinstance(error, TermsChangedError)
    assert "https://ca.example/terms-2" in error.message


async def test_an_authority_that_accepts_no_nonce_is_given_up(ask: Asking) -> None:
    authority = OneAnswer("badNonce", 400)
    async with answering(authority) as directory:
        error = await refusal(ask, directory=directory, root="", terms="")
    assert isinstance(error, NonceError)
    assert f"refused {authority.orders} requests" in error.message


async def test_any_other_refusal_has_the_words_of_the_authority(ask: Asking) -> None:
    async with answering(OneAnswer("serverInternal", 500)) as directory:
        error = await refusal(ask, directory=directory, root="", terms="")
    assert isinstance(error, ServerRefusedError)
    assert "serverInternal" in error.message
    assert "It was too much." in error.message


@pytest.mark.parametrize("body", ["{}", "<html>", '{"newNonce": 1}'])
async def test_a_server_that_is_none_for_acme_is_odd(ask: Asking, body: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/dir", answer)
    async with TestServer(app) as server:
        error = await refusal(ask, directory=str(server.make_url("/dir")), root="")
    assert type(error) is ServerOddError
