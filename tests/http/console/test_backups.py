"""The pages of backups: what could be restored, keys and targets."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import pytest
from bs4 import BeautifulSoup

from appliance.backup_plan.records import read_proof
from appliance.core.clock import SystemClock
from appliance.core.errors import InvalidInputError
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.service import JobService
from appliance.offsite.model import Protection, TargetState
from appliance.operations.model import Facts
from appliance.repository.errors import KeyUnknownError
from appliance.repository.model import Kind
from tests.builders.backup_facts import (
    KEY,
    catalog_of,
    keep_models,
    keep_target,
    publish,
    remember,
    snapshot,
    target,
    verified_set,
)
from tests.fakes.operations import FakeOperations
from tests.http.console.conftest import ConsoleBrowser, actions

PAGE = "/admin/backups"
HOUR = timedelta(hours=1)
SHEET = {"repository": "ef" * 32, "key_file": "eyJrZXkiOiAxfQ==", "config": "AP8A/w=="}


@pytest.fixture
def now() -> datetime:
    return SystemClock().now()


async def test_a_new_machine_says_that_nothing_is_backed_up(as_olga: ConsoleBrowser) -> None:
    page = await as_olga.text(PAGE)
    assert "Nothing is backed up yet" in page
    assert "There is no copy elsewhere" in page
    assert "No recovery key was proved" in page
    assert "Back up now" in page


async def test_it_says_what_could_be_restored_and_shows_each_set(
    as_olga: ConsoleBrowser, settings: Settings, now: datetime
) -> None:
    sets = [verified_set(now - 3 * HOUR - timedelta(days=day), day + 1) for day in range(5)]
    hot = snapshot(now - HOUR, Kind.HOT, number=99)
    publish(settings, catalog_of(now, hot, *sets))
    remember(settings, proven_at=now - HOUR)
    page = BeautifulSoup(await as_olga.text(PAGE), "html.parser")
    heading = page.select_one(".verdict h2")
    assert heading is not None
    assert re.fullmatch(r"Restorable as of .*\d\d:\d\d, verified, took 58 s", heading.text)
    assert len(page.select("#now + * , svg.plot__drawing")) >= 2
    assert [len(drawing.select("rect")) for drawing in page.select("svg.plot__drawing")] == [5, 5]
    assert all(drawing["aria-label"] for drawing in page.select("svg.plot__drawing"))
    assert "1 save in between" in page.text
    assert page.text.count("verified") >= 6


async def test_damage_and_a_failing_target_are_said_in_their_words(
    as_olga: ConsoleBrowser, settings: Settings, now: datetime
) -> None:
    publish(settings, catalog_of(now, verified_set(now - HOUR), damage="data/ab12 is damaged."))
    state = TargetState(
        error="offsite_full",
        message="The disk is <full>.",
        hint="Make room there.",
        protection=Protection.NONE,
    )
    keep_target(settings, target(), state)
    page = BeautifulSoup(await as_olga.text(PAGE), "html.parser")
    assert "Files of the backups are damaged" in page.text
    assert "data/ab12 is damaged." in page.text
    card = page.select_one("#target-1")
    assert card is not None
    for words in ("The disk is <full>.", "Make room there.", "not protected against deletion"):
        assert words in card.text


async def test_buttons_start_jobs(
    as_olga: ConsoleBrowser, settings: Settings, database: Database
) -> None:
    keep_target(settings, target())
    jobs = JobService(database, SystemClock())
    for path in ("now", "drill", "targets/1/copy"):
        answer = await as_olga.post(f"{PAGE}/{path}")
        assert (answer.status, answer.headers["Location"][:12]) == (303, "/admin/jobs/")
    found = {(job.kind, job.subject, job.requested_by) for job in await jobs.jobs()}
    assert found == {("backup", "", "olga"), ("drill", "", "olga"), ("offsite", "1", "olga")}
    answer = await as_olga.post(f"{PAGE}/now")
    assert answer.headers["Location"] == PAGE
    assert "is queued or running already" in await as_olga.text(PAGE)


async def test_the_key_is_shown_once_and_counts_when_it_was_typed_back(
    as_olga: ConsoleBrowser,
    settings: Settings,
    operations: FakeOperations,
    database: Database,
    now: datetime,
) -> None:
    made: list[str] = []

    def key(request: Facts) -> Facts:
        typed = str(request["recovery_key"])
        if request["work"] == "add":
            made.append(typed)
            return SHEET
        if typed != made[-1]:
            raise KeyUnknownError(found="x", expected="y")
        return {**SHEET, "proven_at": now.isoformat()}

    operations.answers["key"] = key
    answer = await as_olga.post(f"{PAGE}/key/make")
    page = BeautifulSoup(await answer.text(), "html.parser")
    shown = page.select_one(".sheet__key")
    assert shown is not None
    assert "-".join(shown.text.split()) == made[0]
    assert len(page.select(".sheet__code svg")) == 3
    assert made[0] not in await as_olga.text(f"{PAGE}/key")
    wrong = await as_olga.post(f"{PAGE}/key/prove", {"key": KEY.text})
    assert "belongs to another repository" in await wrong.text()
    slip = await as_olga.post(f"{PAGE}/key/prove", {"key": made[0][:-1]})
    assert "at least one character is wrong" in await slip.text()
    assert read_proof(settings.state) is None
    good = await as_olga.post(f"{PAGE}/key/prove", {"key": made[0].lower().replace("-", " ")})
    assert (good.status, good.headers["Location"]) == (303, PAGE)
    proof = read_proof(settings.state)
    assert proof is not None
    assert proof.fingerprint in await as_olga.text(PAGE)
    assert (await actions(database))[-2:] == ["recovery_key.make", "recovery_key.prove"]
    # No secret stays anywhere below the home, nor in the audit.
    kept = "".join(path.read_text("latin-1") for path in settings.home.rglob("*") if path.is_file())
    assert made[0] not in kept
    assert made[0].replace("-", "") not in kept


async def test_a_target_is_kept_once_it_was_reached(
    as_olga: ConsoleBrowser, settings: Settings, operations: FakeOperations, database: Database
) -> None:
    fields = {"kind": "sftp", "name": "cellar", "place": "sftp://backup.test/cloister",
              "user": "olga", "secret": "a sentence"}  # fmt: skip

    def refuse(_: Facts) -> Facts:
        raise InvalidInputError(problem="It is away.", remedy="Switch it on.")

    operations.answers["offsite-1"] = refuse
    answer = await as_olga.post(f"{PAGE}/targets", fields)
    text = await answer.text()
    assert "It is away." in text
    assert "a sentence" not in text
    assert list(settings.offsite.glob("*.json")) == []
    operations.answers["offsite-1"] = lambda _: {"holds": "nothing"}
    answer = await as_olga.post(f"{PAGE}/targets", fields)
    assert (answer.status, answer.headers["Location"]) == (303, PAGE)
    assert json.loads((settings.offsite / "1.json").read_text())["secret"] == "a sentence"
    assert "a sentence" not in await as_olga.text(f"{PAGE}/targets/1")
    answer = await as_olga.post(f"{PAGE}/targets/1", {**fields, "name": "attic", "secret": ""})
    assert answer.status == 303
    assert json.loads((settings.offsite / "1.json").read_text())["secret"] == "a sentence"
    assert "attic" in await as_olga.text(PAGE)
    await as_olga.post(f"{PAGE}/targets/1/remove")
    assert list(settings.offsite.glob("*.json")) == []
    assert [name for name in await actions(database) if name.startswith("backup_target")] == [
        "backup_target.add",
        "backup_target.change",
        "backup_target.remove",
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "folder", "place": "relative"}, "below /mnt"),
        ({"kind": "sftp", "place": "ftp://x/y", "user": "u", "secret": "s"}, "sftp://"),
        ({"kind": "folder", "place": "/mnt/x/y", "opens": "22:00"}, "Give both times"),
    ],
)
async def test_a_wrong_field_of_a_target_is_named(
    as_olga: ConsoleBrowser, operations: FakeOperations, fields: dict[str, str], words: str
) -> None:
    answer = await as_olga.post(f"{PAGE}/targets", {"name": "x", **fields})
    assert answer.status == 422
    assert words in await answer.text()
    assert operations.requests == []


async def test_the_page_says_which_models_were_saved(
    as_olga: ConsoleBrowser, settings: Settings
) -> None:
    now = SystemClock().now()
    keep_target(settings, target(), TargetState(complete_at=now, models_at=now))
    assert "Models saved" not in await as_olga.text(PAGE)
    keep_models(settings, now)
    page = await as_olga.text(PAGE)
    assert "1.9 GB: llama3.2:3b." in page
    assert "models <time" in page
