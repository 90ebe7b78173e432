"""The whole way in a real browser: claim, upload, ask, read the source, keep order, look after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.appliance import Appliance, wait_until
from tests.builders import documents
from tests.e2e.answers import ANSWER, LENGTH, last_answer, wait_until_complete, wait_until_longer
from tests.e2e.browser import Window, window
from tests.e2e.visitor import PASSWORD, Visitor

BELL = "The bell of the east tower was cast in 1742 and weighs three tons."
QUESTION = "When was the bell of the east tower cast?"
LONG = " ".join(["The bell was cast in 1742, so the chronicle says [1]."] * 12)
LAST_WORDS = "That is all about the bell [1]."
FILES = ("towers.pdf", "garden.docx", "rules.html", "minutes.md", "stock.csv", "notes.txt")
QUICK: dict[str, Any] = {"token_delay": 0.0, "first_token_delay": 0.0, "answer": None}
SLOW: dict[str, Any] = QUICK | {"token_delay": 0.04, "answer": f"{LONG} {LAST_WORDS}"}


@pytest.fixture(scope="module")
def shelf(
    browser: Browser,
    appliance: Appliance,
    session: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Six documents, added in the browser and ready."""
    folder = tmp_path_factory.mktemp("shelf")
    with window(browser, appliance.address, storage_state=session) as opened:
        page = opened.open("/library")
        opened.picture("library-empty")
        page.get_by_label("Who may read them").select_option(label="Everybody: Shared library")
        page.get_by_label("Documents to add").set_input_files(_files(folder))
        for name in FILES:
            row = page.get_by_role("row").filter(has_text=name)
            expect(row.locator(".badge")).to_have_text("ready", timeout=30_000)
        opened.accessible()
        opened.picture("library")


def _files(folder: Path) -> list[Path]:
    return [
        documents.pdf(folder / "towers.pdf", ["A chronicle of the towers and the walls.", BELL]),
        documents.word(folder / "garden.docx", [("Orchard", ["Forty pear trees stand here."])]),
        documents.written(
            folder / "rules.html", "<h1>Rules</h1><p>Silence begins at the second bell.</p>"
        ),
        documents.written(folder / "minutes.md", "# Minutes\n\nThe roof is to be mended in May."),
        documents.written(folder / "stock.csv", "what,count\nbarrels of cider,11\n"),
        documents.written(folder / "notes.txt", "The heron returned on the second of March."),
    ]


@pytest.fixture
def model(runner: str) -> Iterator[httpx.Client]:
    """The fake model runner's own controls; it is quick again after each test."""
    with httpx.Client(base_url=runner, trust_env=False) as client:
        yield client
        client.post("/fake/behaviour", json=QUICK)


def _ask(page: Page, question: str = QUESTION) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")


@pytest.mark.usefixtures("shelf")
def test_every_format_is_ready_and_its_page_has_the_text(desk: Window) -> None:
    page = desk.open("/library")
    page.get_by_role("link", name="towers.pdf").click()
    expect(page.get_by_role("heading", name="towers.pdf")).to_be_visible()
    desk.accessible()
    desk.picture("document")
    page.get_by_role("table", name="Pages").get_by_role("link", name="2", exact=True).click()
    expect(page.get_by_role("article")).to_contain_text("cast in 1742")
    desk.accessible()


@pytest.mark.usefixtures("shelf")
def test_a_dropped_folder_is_refused_and_the_files_beside_it_are_added(
    desk: Window, tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    documents.written(folder / "inside.txt", "This file is inside the folder.")
    beside = documents.written(tmp_path / "beside.txt", "This file is beside the folder.")
    page = desk.open("/library")
    _drop(page, folder)
    expect(page.locator("#toasts")).to_contain_text("Folders cannot be added.")
    desk.picture("folder-dropped")
    page.reload()
    _drop(page, folder, beside)
    expect(page.locator("#toasts")).to_contain_text("Folders cannot be added.")
    row = page.get_by_role("row").filter(has_text="beside.txt")
    expect(row.locator(".badge")).to_have_text("ready")
    expect(page.get_by_text("no connection")).to_have_count(0)
    expect(page.get_by_text("inside.txt")).to_have_count(0)


def _drop(page: Page, *paths: Path) -> None:
    """Drop files and folders on the form, as a file manager does."""
    area = page.locator("[data-drop]").bounding_box()
    assert area is not None
    place = {"x": area["x"] + area["width"] / 2, "y": area["y"] + 20}
    dragged = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, **place, "data": dragged})


@pytest.mark.usefixtures("shelf")
def test_an_answer_grows_and_its_citation_opens_the_marked_passage(
    desk: Window, model: httpx.Client
) -> None:
    model.post("/fake/behaviour", json=SLOW)
    page = desk.open("/")
    desk.accessible()
    desk.picture("welcome-question")
    _ask(page)
    page.wait_for_url("**/conversations/*")
    wait_until_longer(page, 120)
    wait_until_longer(page, page.evaluate(LENGTH) + 60)
    desk.picture("answer-growing")
    wait_until_complete(page)
    expect(last_answer(page)).to_contain_text("That is all about the bell")
    source = last_answer(page).locator(".sources a").first
    expect(source).to_contain_text("towers.pdf")
    source.click()
    expect(page.locator("#source mark")).to_contain_text("cast in 1742")
    desk.accessible()
    desk.picture("answer-with-source")
    page.get_by_role("link", name="Whole page").click()
    expect(page.locator("mark#passage")).to_contain_text("cast in 1742")
    desk.picture("whole-page")


@pytest.mark.usefixtures("shelf")
def test_a_numbered_citation_in_the_text_opens_the_source(desk: Window) -> None:
    page = desk.open("/")
    _ask(page)
    wait_until_complete(page)
    last_answer(page).locator(".prose").get_by_role("link", name="1").first.click()
    expect(page.locator("mark")).to_contain_text("cast in 1742")


@pytest.mark.usefixtures("shelf")
def test_an_answer_goes_on_after_a_reload(desk: Window, model: httpx.Client) -> None:
    model.post("/fake/behaviour", json=SLOW)
    page = desk.open("/")
    _ask(page)
    wait_until_longer(page, 120)
    # It must not end while the page loads again, however slow the machine is.
    model.post("/fake/behaviour", json={"token_delay": 0.5})
    before = page.evaluate(LENGTH)
    page.reload()
    expect(last_answer(page)).to_have_attribute("aria-busy", "true")
    wait_until_longer(page, before - 1)
    shown = page.evaluate(LENGTH)
    model.post("/fake/behaviour", json={"token_delay": 0.02})
    # More than the second's worth that the page may have lacked when it was loaded.
    wait_until_longer(page, shown + 60)
    wait_until_complete(page)
    expect(last_answer(page)).to_contain_text("That is all about the bell")
    text = last_answer(page).locator(".prose").inner_text()
    assert text.count("That is all about the bell") == 1
    assert text.count("so the chronicle says") == 12


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("before_first_token", [False, True])
def test_stop_stops_the_answer_and_the_model(
    desk: Window, model: httpx.Client, before_first_token: bool
) -> None:
    slow = {"first_token_delay": 60.0} if before_first_token else {"token_delay": 0.3}
    model.post("/fake/behaviour", json=SLOW | slow)
    aborted = model.get("/fake/state").json()["aborted"]
    page = desk.open("/")
    _ask(page)
    expect(last_answer(page)).to_have_attribute("aria-busy", "true")
    if before_first_token:
        wait_until(lambda: model.get("/fake/state").json()["active"] == 1, "the model to work")
    else:
        expect(last_answer(page)).to_contain_text("The bell was cast")
    page.get_by_role("button", name="Stop").click()
    expect(last_answer(page)).to_contain_text("You stopped this answer.")
    wait_until(
        lambda: model.get("/fake/state").json()["aborted"] == aborted + 1, "the model to stop"
    )
    wait_until_complete(page)
    desk.picture(f"stopped-{before_first_token}")


@pytest.mark.usefixtures("shelf")
def test_an_answer_that_is_deleted_elsewhere_says_so(desk: Window, model: httpx.Client) -> None:
    model.post("/fake/behaviour", json=SLOW | {"token_delay": 0.3})
    page = desk.open("/")
    _ask(page)
    page.wait_for_url("**/conversations/*")
    # Only what is streamed makes it longer: the page follows the answer by then.
    wait_until_longer(page, page.evaluate(LENGTH) + 20)
    with page.context.new_page() as other:
        other.goto(page.url)
        other.get_by_role("button", name="Delete").first.click()
        other.get_by_role("dialog").get_by_role("button", name="Delete").click()
        other.wait_for_url(re.compile(r"/$"))
    expect(last_answer(page)).to_contain_text("There is no such answer.")
    expect(page.locator("#connection")).to_be_hidden()


@pytest.mark.usefixtures("shelf")
def test_a_page_says_why_it_is_not_updated_after_signing_out_elsewhere(
    desk: Window, appliance: Appliance, model: httpx.Client
) -> None:
    model.post("/fake/behaviour", json=SLOW | {"token_delay": 0.3})
    page = desk.open("/")
    _ask(page)
    page.wait_for_url("**/conversations/*")
    # Only what is streamed makes it longer: the page follows the answer by then.
    wait_until_longer(page, page.evaluate(LENGTH) + 20)
    with Visitor(appliance.address) as elsewhere:
        assert elsewhere.sign_in().status_code == 303
        assert elsewhere.post("/sign-out", "/account").status_code == 303
    expect(page.locator("#toasts")).to_contain_text("Reload it to go on.")
    expect(page.locator("#connection")).to_be_hidden()
    page.reload()
    expect(last_answer(page)).to_have_attribute("aria-busy", "true")


@pytest.mark.usefixtures("shelf")
def test_a_conversation_goes_on_and_is_listed_renamed_and_deleted(desk: Window) -> None:
    page = desk.open("/")
    _ask(page, "Which day did the heron return?")
    wait_until_complete(page)
    _ask(page, "How many barrels of cider are there?")
    expect(page.locator(ANSWER)).to_have_count(2)
    wait_until_complete(page)
    expect(page.get_by_label("Your question")).to_have_value("")
    listed = page.get_by_role("navigation", name="Conversations")
    expect(listed.get_by_role("link", name="Which day did the heron return?")).to_be_visible()
    page.get_by_role("button", name="Rename").first.click()
    title = page.get_by_label("Title")
    expect(title).to_be_visible()
    desk.picture("rename")
    title.fill("Herons and barrels")
    title.press("Enter")
    expect(page.get_by_role("heading", name="Herons and barrels")).to_be_visible()
    expect(listed.get_by_role("link", name="Herons and barrels")).to_be_visible()
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url(re.compile(r"/$"))
    expect(listed.get_by_role("link", name="Herons and barrels")).to_have_count(0)


@pytest.mark.usefixtures("shelf")
def test_a_question_without_evidence_gets_that_answer(desk: Window) -> None:
    page = desk.open("/")
    _ask(page, "Xylophone zeppelin quarks?")
    wait_until_complete(page)
    expect(last_answer(page)).to_contain_text("Nothing in the documents supports an answer.")
    desk.picture("no-evidence")


@pytest.mark.usefixtures("shelf")
def test_a_member_does_not_see_private_documents(
    desk: Window, browser: Browser, appliance: Appliance, tmp_path: Path
) -> None:
    page = desk.open("/library")
    private = documents.written(tmp_path / "diary.txt", "Dear diary, the abbot snores.")
    page.get_by_label("Documents to add").set_input_files(private)
    row = page.get_by_role("row").filter(has_text="diary.txt")
    expect(row).to_contain_text("Only you")
    expect(row.locator(".badge")).to_have_text("ready")
    expect(page.get_by_label("Who may read them").locator("option:checked")).to_contain_text("Only")
    private_page = row.get_by_role("link", name="diary.txt").get_attribute("href")
    link = _invite(desk)
    with window(browser, appliance.address) as theirs:
        page = theirs.open(link)
        theirs.accessible()
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        expect(page.get_by_label("Account menu of Brendan")).to_be_visible()
        theirs.open("/library")
        expect(page.get_by_text("towers.pdf")).to_be_visible()
        expect(page.get_by_text("diary.txt")).to_have_count(0)
        theirs.open("/")
        _ask(page, "Who snores?")
        wait_until_complete(page)
        expect(last_answer(page)).not_to_contain_text("abbot")
        cookies = {each["name"]: each["value"] for each in page.context.cookies()}
        answer = httpx.get(f"{appliance.address}{private_page}", cookies=cookies, trust_env=False)
        assert answer.status_code == 404
        console = httpx.get(f"{appliance.address}/admin/", cookies=cookies, trust_env=False)
        assert console.status_code == 403


def _invite(desk: Window) -> str:
    """Add a member in the console; return the link for them."""
    page = desk.open("/admin/people")
    page.get_by_label("Their name").fill("Brendan")
    page.get_by_label("Signs in as").fill("brendan")
    page.get_by_role("button", name="Add", exact=True).click()
    link = page.locator("#invitation").inner_text()
    desk.accessible()
    desk.picture("people")
    return link


PAGES = (
    "/",
    "/library",
    "/account",
    "/admin/",
    "/admin/units/ingest",
    "/admin/ingest",
    "/admin/jobs",
    "/admin/models",
    "/admin/people",
    "/admin/people/quota",
    "/admin/settings",
    "/admin/tls/acme",
)


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_is_accessible(phone: Window, scheme: Any) -> None:
    phone.page.emulate_media(color_scheme=scheme)
    for path in PAGES:
        page = phone.open(path)
        expect(page.locator("main")).to_be_visible()
        phone.fits()
        phone.accessible()
        phone.picture(f"phone-{scheme}-{path.strip('/').replace('/', '-') or 'ask'}")
    page = phone.open("/")
    _ask(page)
    wait_until_complete(page)
    phone.fits()
    phone.picture(f"phone-{scheme}-answer")
    last_answer(page).locator(".sources a").first.click()
    expect(page.locator("mark").first).to_be_visible()
    phone.fits()
    phone.picture(f"phone-{scheme}-source")


@pytest.mark.usefixtures("shelf")
def test_every_page_fits_the_narrowest_screen(phone: Window) -> None:
    phone.page.set_viewport_size({"width": 320, "height": 640})
    for path in PAGES:
        page = phone.open(path)
        expect(page.locator("main")).to_be_visible()
        phone.fits()
        phone.picture(f"narrow-{path.strip('/').replace('/', '-') or 'ask'}")
    # The name of the product is hidden there, but screen readers still have it.
    expect(phone.open("/").get_by_role("link", name="Cloister")).to_be_visible()


@pytest.mark.usefixtures("shelf")
def test_the_pages_are_dark_for_those_who_like_it(desk: Window) -> None:
    desk.page.emulate_media(color_scheme="dark")
    brightness = "getComputedStyle(document.documentElement).backgroundColor"
    dark = desk.open("/library").evaluate(brightness)
    for path in PAGES:
        desk.open(path)
        desk.picture(f"dark-{path.strip('/').replace('/', '-') or 'ask'}")
    desk.page.emulate_media(color_scheme="light")
    assert desk.page.evaluate(brightness) != dark


@pytest.mark.usefixtures("shelf")
def test_a_question_is_asked_with_the_keyboard_alone(desk: Window) -> None:
    page = desk.open("/library")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    desk.picture("skip-link")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    desk.tab_to("Ask", backwards=True)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/$"))
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    wait_until_complete(page)
    desk.tab_to("towers.pdf", backwards=True)
    page.keyboard.press("Enter")
    expect(page.locator("#source mark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#source mark")).to_have_count(0)
