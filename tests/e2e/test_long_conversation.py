"""A long conversation in a real browser: its end first, and earlier messages on request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from appliance.conversations.model import PageSize
from tests.appliance import Appliance, wait_until
from tests.e2e.answers import wait_until_complete
from tests.e2e.browser import window
from tests.e2e.visitor import Program, Visitor

TEXT = b"The tower of Bonn is 55 metres high. It was built in 1899.\n"
QUESTION = "How high is the tower of Bonn?"
RICH = (
    "It is *55 metres* high [1]:\n\n- one\n- **two**\n\n| Year | Height |\n|------|-------:|\n"
    "| 1899 | 55 m |\n\n> It was built in 1899 [1]."
)
SHOWN = PageSize().messages
MESSAGES = SHOWN + 6


@pytest.fixture(scope="module")
def address(appliance: Appliance, operator: Visitor, client: Program, runner: str) -> Iterator[str]:
    """The path of a conversation with a few messages more than a page shows."""
    uploaded = client.upload("tower.txt", TEXT)
    assert uploaded.status_code == 202, uploaded.text
    client.finished(uploaded.json()["id"])
    with httpx.Client(base_url=runner, trust_env=False) as model:
        model.post("/fake/behaviour", json={"answer": RICH, "token_delay": 0})
        token = operator.token("/")
        path = operator.ask(QUESTION, token)
        for number in range(2, MESSAGES // 2 + 1):
            fields = {"csrf": token, "question": f"{QUESTION} ({number})"}
            wait_until(
                lambda sent=fields: (
                    operator.http.post(f"{path}/messages", data=sent).status_code == 303
                ),
                "the answer before",
            )
        wait_until(lambda: "aria-busy" not in operator.http.get(path).text, "the last answer")
        yield path
        model.post("/fake/behaviour", json={"answer": None})


@pytest.fixture
def cookies(appliance: Appliance, operator: Visitor) -> list[Any]:
    """What makes a browser the operator's."""
    found = operator.http.cookies.items()
    return [{"name": name, "value": value, "url": appliance.address} for name, value in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1440])
def test_it_shows_the_end_and_leads_back(
    browser: Browser,
    appliance: Appliance,
    address: str,
    cookies: list[Any],
    width: int,
    scheme: Any,
) -> None:
    size = {"width": width, "height": 844}
    with window(browser, appliance.address, viewport=size, color_scheme=scheme) as opened:
        opened.page.context.add_cookies(cookies)
        page = opened.open(address)
        articles = page.locator("article.message")
        expect(articles).to_have_count(SHOWN)
        expect(articles.last).to_be_in_viewport()
        opened.fits()
        opened.accessible()
        first = page.locator(f"#{articles.first.get_attribute('id')}")
        page.get_by_role("link", name="Show earlier messages").click()
        expect(articles).to_have_count(MESSAGES)
        expect(page.get_by_role("link", name="Show earlier messages")).to_have_count(0)
        expect(first).to_be_in_viewport()
        opened.fits()
        opened.accessible()
        opened.picture(f"long-{width}-{scheme}")


def test_a_further_answer_is_added_at_the_end(
    browser: Browser, appliance: Appliance, address: str, cookies: list[Any]
) -> None:
    with window(browser, appliance.address) as opened:
        opened.page.context.add_cookies(cookies)
        page = opened.open(address)
        page.get_by_role("link", name="Show earlier messages").click()
        articles = page.locator("article.message")
        expect(articles).to_have_count(MESSAGES)
        page.get_by_label("Your question").fill(QUESTION)
        page.keyboard.press("Enter")
        expect(articles).to_have_count(MESSAGES + 2)
        wait_until_complete(page)
        expect(articles.last.locator("table td")).to_have_text(["1899", "55 m"])


def test_it_works_without_scripts(
    browser: Browser, appliance: Appliance, address: str, cookies: list[Any]
) -> None:
    with window(browser, appliance.address, java_script_enabled=False) as opened:
        opened.page.context.add_cookies(cookies)
        page = opened.open(address)
        page.get_by_role("link", name="Show earlier messages").click()
        expect(page.get_by_role("link", name="Show the newest messages")).to_be_visible()
        expect(page.locator("article.message").first).to_contain_text(QUESTION)
        page.get_by_role("link", name="Show the newest messages").click()
        expect(page.locator("article.message")).to_have_count(SHOWN)
