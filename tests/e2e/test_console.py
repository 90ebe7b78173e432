"""The operator's console in a real browser: what it shows by itself, and what stays put."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.appliance import Appliance
from tests.e2e.browser import Window


def test_the_console_shows_units_and_stops_and_starts_one(
    desk: Window, appliance: Appliance
) -> None:
    page = desk.open("/admin/")
    for name in ("postgres", "ingest", "webchat@1", "nginx"):
        expect(page.locator(f"[id='unit-{name}'] .badge")).to_have_text("ready")
    # The model runner of these tests is no unit of this machine.
    expect(page.locator(".unit--absent .badge")).to_have_text("elsewhere")
    desk.accessible()
    desk.picture("console")
    page.get_by_role("link", name="Document reader", exact=True).click()
    log = page.get_by_role("log")
    expect(log).to_be_visible()
    lines = log.inner_text().count("\n")
    page.get_by_role("button", name="Stop").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.locator(".facts .badge")).to_have_text("stopped")
    assert appliance.unit("ingest")["state"] == "stopped"
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".facts .badge")).to_have_text("ready")
    appliance.wait_for("ingest", "ready")
    desk.accessible()
    desk.picture("unit")
    # The log goes on by itself: another restart, seen without a reload.
    page.evaluate("window.notReloaded = true")
    appliance.cli("restart", "ingest")
    page.wait_for_function(
        "lines => document.querySelector('[role=log]').innerText.split('\\n').length > lines + 1",
        arg=lines,
    )
    assert page.evaluate("window.notReloaded") is True


def _held_back(page: Page, path: str) -> list[Route]:
    """Let a stream begin only when the test says so; return where it waits."""
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route(path, hold)
    # What a stream has changed is counted in the page.
    page.add_init_script(
        "window.changes = 0; addEventListener('htmx:sseMessage', () => { window.changes += 1; })"
    )
    return waiting


def _let_in(page: Page, waiting: list[Route]) -> None:
    """Let the stream begin, and wait for the first parts that it brings."""
    for route in waiting:
        route.continue_()
    page.wait_for_function("() => window.changes >= 3")


def test_a_question_that_is_open_outlives_what_a_stream_brings(desk: Window) -> None:
    stream = _held_back(desk.page, "**/units/ingest/log*")
    page = desk.open("/admin/units/ingest")
    page.get_by_role("button", name="Stop").first.click()
    cancel = page.get_by_role("dialog").get_by_role("button", name="Cancel")
    expect(cancel).to_be_focused()
    _let_in(page, stream)
    expect(cancel).to_be_focused()
    cancel.click()
    expect(cancel).to_be_hidden()


def test_the_focus_stays_while_the_overview_changes(desk: Window) -> None:
    stream = _held_back(desk.page, "**/admin/events")
    page = desk.open("/admin/")
    link = page.get_by_role("link", name="Database", exact=True)
    link.focus()
    _let_in(page, stream)
    expect(link).to_be_focused()


def test_a_question_keeps_the_focus_and_gives_it_back(desk: Window) -> None:
    stream = _held_back(desk.page, "**/units/ingest/log*")
    page = desk.open("/admin/units/ingest")
    opener = page.get_by_role("button", name="Stop")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    cancel, stop = (dialog.get_by_role("button", name=name) for name in ("Cancel", "Stop"))
    expect(cancel).to_be_focused()
    page.keyboard.press("Tab")
    expect(stop).to_be_focused()
    page.keyboard.press("Tab")
    expect(cancel).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(stop).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    _let_in(page, stream)
