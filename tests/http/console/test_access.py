"""Every route for nobody, a member, and an operator."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from admin.routes import ROUTES
from appliance.accounts.guard import Access, Route
from appliance.accounts.model import Account
from tests.fakes.units import FakeUnits
from tests.http.console.conftest import ConsoleBrowser

_PUBLIC = {
    "/admin/claim",
    "/admin/claim/restore",
    "/admin/sign-in",
    "/admin/rescue",
    # For the browser that holds the token of a trial, or of the steps.
    "/admin/trial",
    "/admin/restore",
    "/admin/restore/target",
    "/admin/restore/target/{number}/remove",
    "/admin/restore/{step:open|back|preview|start}",
    "/admin/restore/{end:keep|undo}",
    # For each person whose browser is to trust the machine.
    "/admin/tls/root",
    "/admin/tls/root/{file}",
}
_GUARDED = [route for route in ROUTES if route.path not in _PUBLIC]


def path_of(route: Route) -> str:
    """Return an address of the route: of a unit that is there, of other things that are not."""
    path = route.path.replace("{verb:start|stop|restart}", "stop")
    path = path.replace("{format:csv|jsonl|json}", "csv")
    # Of a few words the first one.
    path = re.sub(r"\{\w+:(\w+)[^}]*\}", r"\1", path)
    return (
        path.replace("{name}", "postgres")
        .replace("{id}", str(uuid4()))
        .replace("{key}", str(uuid4()))
        .replace("{number}", "1")
    )


async def ask(browser: ConsoleBrowser, route: Route) -> int:
    if route.method == "POST":
        return (await browser.post(path_of(route))).status
    answer = await browser.get(path_of(route))
    answer.close()
    return answer.status


def test_only_the_doors_are_open() -> None:
    assert {route.path for route in ROUTES if route.access == Access.PUBLIC} == _PUBLIC
    assert all(route.access == Access.OPERATOR for route in _GUARDED)


@pytest.mark.parametrize("route", _GUARDED, ids=lambda route: f"{route.method} {route.path}")
async def test_only_operators_get_in(
    route: Route,
    nobody: ConsoleBrowser,
    as_alice: ConsoleBrowser,
    as_olga: ConsoleBrowser,
    units: FakeUnits,
) -> None:
    assert await ask(nobody, route) == (401 if route.method == "POST" else 303)
    assert await ask(as_alice, route) == 403
    assert units.wanted == []
    # 502: an operation that ends without a word, as those of this test do. 409: there is no TLS.
    assert await ask(as_olga, route) in {200, 303, 404, 409, 422, 502}


async def test_htmx_is_sent_to_the_door(nobody: ConsoleBrowser, olga: Account) -> None:
    answer = await nobody.get("/admin/people", headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/admin/sign-in"


async def test_programs_get_the_plain_error(nobody: ConsoleBrowser) -> None:
    answer = await nobody.get("/admin/people", headers={"Accept": "text/event-stream"})
    assert answer.status == 401


async def test_static_files_need_no_session(nobody: ConsoleBrowser) -> None:
    page = await nobody.text("/admin/rescue")
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert address.startswith("/admin/static/")
    assert (await nobody.get(address)).status == 200


async def test_an_unknown_address_is_a_page_in_our_words(as_olga: ConsoleBrowser) -> None:
    assert "There is no such page." in await as_olga.text("/admin/nothing", 404)
