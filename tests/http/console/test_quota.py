"""Operators see what each person's documents take, and set how much they may."""

from __future__ import annotations

from uuid import uuid4

from bs4 import BeautifulSoup

from appliance.accounts.model import Account
from appliance.core.variables import MEBIBYTE
from appliance.db.pool import Database
from appliance.library.model import Usage
from appliance.library.quota import Quotas
from tests.http.console.conftest import ConsoleBrowser

PAGE = "/admin/people/quota"


async def _cells(browser: ConsoleBrowser, person: Account) -> list[str]:
    page = BeautifulSoup(await browser.text(PAGE), "html.parser")
    (row,) = page.select(f"#quota-{person.id}")
    return [cell.text.strip() for cell in row.select("td.number")]


async def test_the_page_shows_everybody_and_is_linked_from_their_row(
    as_olga: ConsoleBrowser, alice: Account, bob: Account
) -> None:
    assert await _cells(as_olga, alice) == ["0 B", "10 GB"]
    assert await _cells(as_olga, bob) == ["0 B", "10 GB"]
    assert f"{PAGE}#quota-{alice.id}" in await as_olga.text("/admin/people")


async def test_a_person_gets_a_quota_of_their_own_and_loses_it_again(
    as_olga: ConsoleBrowser, alice: Account, database: Database
) -> None:
    quotas = Quotas(database)
    for typed, shown, usage in (
        ("5 MB", "5.0 MB", Usage(0, 5 * MEBIBYTE, is_own=True)),
        ("none", "no limit", Usage(0, None, is_own=True)),
        ("default", "10 GB", Usage(0, 10 * 1024 * MEBIBYTE)),
    ):
        answer = await as_olga.post(f"/admin/people/{alice.id}/quota", {"quota": typed})
        assert (answer.status, answer.headers["Location"]) == (303, PAGE)
        assert await _cells(as_olga, alice) == ["0 B", shown]
        assert await quotas.usage(alice) == usage


async def test_what_was_typed_stays_when_it_is_wrong(
    as_olga: ConsoleBrowser, alice: Account, bob: Account
) -> None:
    answer = await as_olga.post(f"/admin/people/{alice.id}/quota", {"quota": "plenty"})
    page = BeautifulSoup(await answer.text(), "html.parser")
    assert answer.status == 422
    fields = {each["id"]: each["value"] for each in page.select("input[name=quota]")}
    assert fields[f"field-{alice.id}"] == "plenty"
    assert fields[f"field-{bob.id}"] == "default"
    (error,) = page.select(".field__error")
    assert "from 1 MB to 64 TB" in error.text


async def test_a_person_who_is_gone_is_not_found(as_olga: ConsoleBrowser) -> None:
    answer = await as_olga.post(f"/admin/people/{uuid4()}/quota", {"quota": "5 GB"})
    assert answer.status == 404
