"""A real browser that stays on this machine: what it may not do, and what it must not say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Route,
    WebSocket,
    expect,
    sync_playwright,
)

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MILLISECONDS = 15_000
expect.set_options(timeout=PATIENCE_MILLISECONDS)

# Returns sentences about what a page lacks for people who do not see it or do not use a mouse.
ACCESSIBILITY = """() => {
  const found = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const say = (sentence, element) => found.push(`${sentence}: ${element.outerHTML.slice(0, 120)}`);
  const named = (element) => element.labels?.length || element.ariaLabel || element.title
    || document.getElementById(element.getAttribute("aria-labelledby"));
  all("input:not([type=hidden]), select, textarea").forEach((e) => named(e) || say("no label", e));
  all("button, a[href]").forEach((e) =>
    e.textContent.trim() || named(e) || e.querySelector("[aria-label]") || say("no name", e));
  all("img:not([alt])").forEach((e) => say("no alt", e));
  if (all("h1").length !== 1) found.push(`${all("h1").length} h1`);
  if (all("main").length !== 1) found.push(`${all("main").length} main`);
  if (!all("header").length) found.push("no header");
  if (!document.documentElement.lang) found.push("no language");
  if (!document.title) found.push("no title");
  const ids = all("[id]").map((e) => e.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => found.push(`two #${id}`));
  all("[aria-labelledby], [aria-describedby], label[for]").forEach((e) =>
    ["aria-labelledby", "aria-describedby", "for"].flatMap((name) =>
      (e.getAttribute(name) ?? "").split(" ").filter(Boolean))
      .forEach((id) => document.getElementById(id) || say(`there is no #${id}`, e)));
  return found;
}"""


@dataclass
class Window:
    """A browser window, and everything that went wrong in it."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the appliance."""
        self.page.goto(path if path.startswith("http") else f"{self.address}{path}")
        return self.page

    def accessible(self) -> None:
        """Assert that the page has what people need who do not see it."""
        found = self.page.evaluate(ACCESSIBILITY)
        assert found == [], f"{self.page.url}: {found}"

    def fits(self) -> None:
        """Assert that nobody has to scroll sideways."""
        script = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        wide, shown = self.page.evaluate(script)
        assert wide <= shown, f"{self.page.url} is {wide} px wide on a screen of {shown} px"

    def tab_to(self, text: str, *, backwards: bool = False) -> None:
        """Press Tab until the focus is on something with this text."""
        for _ in range(40):
            self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
            focused = self.page.evaluate("document.activeElement.innerText ?? ''")
            if text in focused and "\n\n" not in focused:
                return
        raise AssertionError(f"Tab does not lead to “{text}”")

    def picture(self, name: str) -> None:
        """Save a screenshot if CLOISTER_SCREENSHOTS names a folder."""
        if folder := os.environ.get("CLOISTER_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")


@contextmanager
def chromium(*options: str, home: Path | None = None) -> Iterator[Browser]:
    """Run Debian's Chromium, with options of its command line.

    `home` is the home of its person, which may have authorities to trust.
    """
    environment: dict[str, str | float | bool] = {**os.environ}
    if home is not None:
        environment["HOME"] = str(home)
    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, *options]
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=arguments, env=environment
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, address: str, **options: Any) -> Iterator[Window]:
    """Open a window of its own; at the end, complaints and requests to others are failures."""
    context = browser.new_context(**{"viewport": DESK, "locale": "en-GB", **options})
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    opened = Window(context.new_page(), address)
    _watch(context, opened)
    try:
        yield opened
    finally:
        context.close()
    assert opened.problems == [], "\n".join(opened.problems)


def _watch(context: BrowserContext, opened: Window) -> None:
    ours = urlsplit(opened.address).hostname

    def check_request(route: Route) -> None:
        if urlsplit(route.request.url).hostname in {ours, None}:
            route.continue_()
        else:
            opened.problems.append(f"a request to {route.request.url}")
            route.abort()

    def check_socket(socket: WebSocket) -> None:
        if urlsplit(socket.url).hostname != ours:
            opened.problems.append(f"a socket to {socket.url}")

    def check_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            opened.problems.append(f"{opened.page.url}: {message.text}")

    context.route("**/*", check_request)
    opened.page.on("websocket", check_socket)
    opened.page.on("console", check_message)
    opened.page.on("pageerror", lambda error: opened.problems.append(str(error)))
