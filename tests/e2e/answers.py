"""Answers as they stand on a page of the chat."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

ANSWER = ".message--cloister"
LENGTH = f"() => [...document.querySelectorAll('{ANSWER}')].at(-1)?.innerText.length ?? 0"


def last_answer(page: Page) -> Locator:
    """Return the answer that is being written, or was written last."""
    return page.locator(ANSWER).last


def wait_until_longer(page: Page, length: int) -> None:
    """Wait until the last answer has more characters.

    With a function: an expression would be evaluated as a string again and again, which the
    pages' policy forbids unless it is true at once.
    """
    page.wait_for_function(f"length => ({LENGTH})() > length", arg=length)


def wait_until_complete(page: Page) -> None:
    """Wait until the last answer is whole, on a page whose scripts run: they send what is typed."""
    expect(last_answer(page)).to_be_visible()
    expect(last_answer(page)).not_to_have_attribute("aria-busy", "true", timeout=30_000)
    page.wait_for_load_state()
