"""The guided set-up: each step, skipped or done, from any browser, by two operators at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from admin import keys
from appliance.accounts.model import Account
from appliance.accounts.people import People
from appliance.actors.model import CommandLine
from appliance.actors.permissions import Role
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.kinds import SETUP_CHECK
from appliance.jobs.model import JobState
from appliance.jobs.service import JobService
from appliance.jobs.store import JobStore
from appliance.setup.model import Progress, Step, StepState
from appliance.setup.service import SetupService
from appliance.setup.store import SetupStore
from appliance.setup.words import words_of
from tests.builders.backup_facts import KEY, catalog_of, publish, remember, verified_set
from tests.builders.people import PASSWORD, add_person
from tests.fakes.ollama import FakeOllama
from tests.fakes.operations import FakeOperations
from tests.http.console.conftest import ConsoleBrowser, Site, actions, location

CLOCK = SystemClock()
Visit = Callable[[], Awaitable[ConsoleBrowser]]


async def progress(database: Database) -> Progress:
    return await SetupService(database, CLOCK).progress()


def path(step: Step) -> str:
    return f"/admin/setup/{step}"


async def leads_to(browser: ConsoleBrowser, step: Step, **fields: str) -> str:
    """Save a step; return where it leads."""
    answer = await browser.post(path(step), fields)
    assert answer.status == 303, await answer.text()
    return location(answer).path


@pytest.mark.parametrize("step", list(Step))
async def test_each_step_says_what_it_is_for_and_what_follows_from_skipping_it(
    as_olga: ConsoleBrowser, step: Step
) -> None:
    page = await as_olga.text(path(step))
    words = words_of(step)
    assert f"step {step.number} of {len(Step)}" in page
    assert words.purpose in page
    assert f"If you skip it: {words.if_skipped}" in page


@pytest.mark.parametrize("step", list(Step))
async def test_each_step_can_be_skipped(
    as_olga: ConsoleBrowser, database: Database, step: Step
) -> None:
    answer = await as_olga.post(f"{path(step)}/skip")
    following = (await progress(database)).next_step
    assert answer.status == 303
    assert location(answer).path.startswith("/admin/setup/")
    assert location(answer).path != path(step)
    assert (await progress(database)).state(step) is StepState.SKIPPED
    assert following is (Step.NAMES if step is Step.START else Step.START)
    assert "setup_step.skip" in await actions(database)


async def test_skipped_to_the_end_the_set_up_is_finished(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    assert "The set-up is not finished" in await as_olga.text("/admin/")
    *_, last = [await as_olga.post(f"{path(step)}/skip") for step in Step]
    assert location(last).path == "/admin/"
    assert (await progress(database)).is_finished
    assert "The set-up is not finished" not in await as_olga.text("/admin/")
    page = await as_olga.text("/admin/setup")
    assert "The set-up is finished." in page
    # What was skipped can be done later.
    assert words_of(Step.BACKUPS).if_skipped in page
    assert await leads_to(as_olga, Step.START) == "/admin/"
    assert (await progress(database)).state(Step.START) is StepState.DONE


async def test_the_overview_shows_what_is_left(as_olga: ConsoleBrowser) -> None:
    await as_olga.post(f"{path(Step.OPERATORS)}/skip")
    page = await as_olga.text("/admin/")
    assert f"1 of {len(Step)} steps" in page
    assert 'href="/admin/setup/models"' in page
    assert 'href="/admin/setup/operators"' not in page


async def test_another_browser_goes_on_where_the_first_one_stopped(
    as_olga: ConsoleBrowser, visit: Visit
) -> None:
    assert await leads_to(as_olga, Step.START) == path(Step.NAMES)
    other = await visit()
    await other.sign_in("olga")
    assert 'href="/admin/setup/names">' in (await other.text("/admin/setup")).replace(
        ' class="button button--primary"', ""
    )
    assert await leads_to(other, Step.NAMES) == path(Step.TLS)
    page = await as_olga.text("/admin/")
    assert 'href="/admin/setup/names"' not in page


async def test_a_new_machine_or_a_restore(as_olga: ConsoleBrowser) -> None:
    page = await as_olga.text(path(Step.START))
    assert 'action="/admin/backups/restore"' in page
    assert await leads_to(as_olga, Step.START) == path(Step.NAMES)
    assert "This step is done." in await as_olga.text(path(Step.START))


async def test_other_names_are_on_trial_and_the_step_waits_for_them(
    as_olga: ConsoleBrowser, site: Site, database: Database
) -> None:
    page = await as_olga.text(path(Step.NAMES))
    assert 'name="seen-host"' in page
    wrong = await as_olga.post(path(Step.NAMES), {"host": "a b", "host_names": "none"})
    assert wrong.status == 422
    assert "This must be" in await wrong.text()
    answer = await as_olga.post(path(Step.NAMES), {"host": "box.example", "host_names": "none"})
    text = await answer.text()
    assert answer.status == 200, text
    trial = site.app[keys.TRIALS].current()
    assert trial
    assert f"/admin/trial?token={trial.token}" in text
    assert (await progress(database)).state(Step.NAMES) is StepState.OPEN


async def test_names_that_stay_end_the_step(as_olga: ConsoleBrowser, database: Database) -> None:
    host = re.search(r'id="field-host"[^>]*value="([^"]*)"', await as_olga.text(path(Step.NAMES)))
    assert host
    assert await leads_to(as_olga, Step.NAMES, host=host[1], host_names="none") == path(Step.TLS)
    assert (await progress(database)).state(Step.NAMES) is StepState.DONE


async def test_without_tls_the_step_says_so_and_lets_go_on(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    assert "This machine serves without TLS." in await as_olga.text(path(Step.TLS))
    assert await leads_to(as_olga, Step.TLS) == path(Step.OPERATORS)


async def test_the_second_operator_gets_a_link(as_olga: ConsoleBrowser, database: Database) -> None:
    answer = await as_olga.post(path(Step.OPERATORS), {"name": "otto", "display_name": "Otto"})
    page = await answer.text()
    assert answer.status == 200
    assert "/password#" in page
    assert "Send this link to Otto" in page
    assert (await People(database, CLOCK).by_name("otto")).role is Role.OPERATOR
    assert (await progress(database)).state(Step.OPERATORS) is StepState.DONE
    page = await as_olga.text(path(Step.OPERATORS))
    assert "/password#" not in page
    assert "Otto is one as well." in page


async def test_a_second_operator_is_optional(as_olga: ConsoleBrowser, database: Database) -> None:
    assert await leads_to(as_olga, Step.OPERATORS, name="", display_name=" ") == path(Step.MODELS)
    assert len(await People(database, CLOCK).all(CommandLine())) == 1


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"name": "otto", "display_name": ""}, 422, "Please fill this in."),
        ({"name": "olga", "display_name": "Other"}, 409, "Another person signs in as"),
        ({"name": "o t t o", "display_name": "Otto"}, 422, "cannot be a sign-in name"),
    ],
)
async def test_a_wrong_operator_leaves_the_step_open_and_keeps_what_was_typed(
    as_olga: ConsoleBrowser, database: Database, fields: dict[str, str], status: int, said: str
) -> None:
    answer = await as_olga.post(path(Step.OPERATORS), fields)
    page = await answer.text()
    assert answer.status == status
    assert said in page
    assert f'value="{fields["name"]}"' in page
    assert (await progress(database)).state(Step.OPERATORS) is StepState.OPEN


async def test_the_models_are_chosen(
    as_olga: ConsoleBrowser, database: Database, runner: FakeOllama
) -> None:
    page = await as_olga.text(path(Step.MODELS))
    chat, search = ("fake-think:latest", "fake-embed:latest")
    assert chat in page
    assert search in page
    assert await leads_to(as_olga, Step.MODELS, chat=chat, search=search) == path(Step.BACKUPS)
    found = await actions(database)
    assert found.count("model.use_for_chat") == found.count("model.use_for_search") == 1
    # The same again changes nothing.
    await leads_to(as_olga, Step.MODELS, chat=chat, search=search)
    assert (await actions(database)).count("model.use_for_chat") == 1


async def test_a_model_that_is_gone_leaves_the_step_open(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    answer = await as_olga.post(path(Step.MODELS), {"chat": "gone:latest"})
    assert answer.status == 404
    assert "gone:latest" in await answer.text()
    answer = await as_olga.post(path(Step.MODELS), {})
    assert answer.status == 422
    assert (await progress(database)).state(Step.MODELS) is StepState.OPEN


async def test_without_a_model_the_step_says_what_to_do_and_lets_go_on(
    as_olga: ConsoleBrowser, runner: FakeOllama, database: Database
) -> None:
    runner.models.clear()
    page = await as_olga.text(path(Step.MODELS))
    assert "How to bring models here" in page
    assert "Skip this step" in page
    assert 'href="/admin/setup/models"><' in page or "Look again" in page
    answer = await as_olga.post(f"{path(Step.MODELS)}/skip")
    assert answer.status == 303
    assert (await progress(database)).state(Step.MODELS) is StepState.SKIPPED


async def test_the_backup_step_keeps_the_time_and_wants_a_proved_key(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    page = await as_olga.text(path(Step.BACKUPS))
    assert 'href="/admin/backups/targets/new?from=setup"' in page
    assert 'href="/admin/backups/key?from=setup"' in page
    answer = await as_olga.post(path(Step.BACKUPS), {"backup_time": "3:30"})
    assert answer.status == 422
    assert "The schedule is saved, but no recovery key was proved yet." in await answer.text()
    assert 'value="03:30"' in await as_olga.text(path(Step.BACKUPS))
    assert (await progress(database)).state(Step.BACKUPS) is StepState.OPEN
    answer = await as_olga.post(path(Step.BACKUPS), {"backup_time": "noon"})
    assert answer.status == 422
    assert "Please give a time" in await answer.text()


async def test_with_a_proved_key_the_backup_step_is_done(
    as_olga: ConsoleBrowser, settings: Settings, database: Database
) -> None:
    now = CLOCK.now()
    publish(settings, catalog_of(now, verified_set(now)))
    remember(settings, proven_at=now)
    page = await as_olga.text(path(Step.BACKUPS))
    assert "was proved" in page
    assert await leads_to(as_olga, Step.BACKUPS, backup_time="02:00") == path(Step.CHECK)
    assert "setting.change" not in await actions(database)


async def test_a_proved_key_leads_back_to_the_set_up(
    as_olga: ConsoleBrowser, operations: FakeOperations
) -> None:
    proved = {"proven_at": CLOCK.now().isoformat()}
    operations.answers["key"] = lambda _: {
        "repository": "ab" * 32, "key_file": "YQ==", "config": "YQ==", **proved
    }  # fmt: skip
    sheet = await (await as_olga.post("/admin/backups/key/make", {"from": "setup"})).text()
    assert 'href="/admin/backups/key?from=setup"' in sheet
    fields = {"key": KEY.text, "from": "setup"}
    answer = await as_olga.post("/admin/backups/key/prove", fields)
    assert (answer.status, location(answer).path) == (303, path(Step.BACKUPS))


async def test_a_place_that_was_reached_leads_back_to_the_set_up(
    as_olga: ConsoleBrowser, operations: FakeOperations
) -> None:
    fields = {"kind": "folder", "name": "safe", "place": "/srv/cloister", "from": "setup"}
    refused = await as_olga.post("/admin/backups/targets", fields | {"place": "nowhere"})
    assert 'name="from" value="setup"' in await refused.text()
    operations.answers["offsite-1"] = lambda _: {}
    answer = await as_olga.post("/admin/backups/targets", fields)
    assert (answer.status, location(answer).path) == (303, path(Step.BACKUPS))
    assert "safe" in await as_olga.text(path(Step.BACKUPS))


async def test_pages_that_were_opened_from_the_set_up_lead_back(as_olga: ConsoleBrowser) -> None:
    for page in ("/admin/backups/key", "/admin/backups/targets/new"):
        text = await as_olga.text(f"{page}?from=setup")
        assert 'href="/admin/setup/backups"' in text
        assert 'name="from" value="setup"' in text
        other = await as_olga.text(f"{page}?from=https://evil.example/")
        assert "evil" not in other.replace('name="from" value="https://evil.example/"', "")
        assert 'class="crumb" href="/admin/backups"' in other


async def run_check(database: Database, state: JobState, result: str) -> None:
    """Let the check that waits come to an end."""
    now = CLOCK.now()
    async with database.connection() as connection:
        store = JobStore(connection)
        job = await store.claim(SETUP_CHECK.name, now=now, deadline=now + timedelta(minutes=5))
        assert job
        await store.end(job.id, now=now, state=state, result=result)


async def test_the_check_is_started_followed_and_shown(
    as_olga: ConsoleBrowser, database: Database, olga: Account
) -> None:
    assert "Run the check" in await as_olga.text(path(Step.CHECK))
    assert await leads_to(as_olga, Step.CHECK) == path(Step.CHECK)
    part = await as_olga.get(path(Step.CHECK), headers={"HX-Request": "true"})
    text = await part.text()
    assert "The check waits for its turn." in text
    assert "<html" not in text
    # Of two operators who press the button, the second one follows the first one's check.
    assert await leads_to(as_olga, Step.CHECK) == path(Step.CHECK)
    assert len(await JobService(database, CLOCK).jobs(kind=SETUP_CHECK.name)) == 1
    async with database.connection() as connection:
        store = SetupStore(connection)
        check = await store.begin_check(olga.id, "0" * 64, now=CLOCK.now())
        found = {"text": "It is called Heliotrope.", "quote": "called <Heliotrope>"}
        place = {"file": "check.txt", "page": 1, "seconds": 2.0, "question": "What?"}
        await store.keep_result(
            check, {**found, **place, "kind": "quoted", "address": "https://server"}
        )
    await run_check(database, JobState.DONE, "done")
    part = await as_olga.get(path(Step.CHECK), headers={"HX-Request": "true"})
    assert part.headers["HX-Refresh"] == "true"
    page = await as_olga.text(path(Step.CHECK))
    assert "It is called Heliotrope." in page
    assert "called &lt;Heliotrope&gt;" in page
    assert "https://server" in page
    assert "The test document is removed." in page


async def test_a_check_that_failed_says_why_and_leaves_the_step_open(
    as_olga: ConsoleBrowser, database: Database
) -> None:
    await leads_to(as_olga, Step.CHECK)
    await run_check(database, JobState.FAILED, "https://server does not answer as it should.")
    page = await as_olga.text(path(Step.CHECK))
    assert "https://server does not answer as it should." in page
    assert "Run the check again" in page
    assert "Skip this step" in page
    assert (await progress(database)).state(Step.CHECK) is StepState.OPEN


async def test_what_one_operator_did_another_one_does_not_undo(
    as_olga: ConsoleBrowser, visit: Visit, database: Database
) -> None:
    await add_person(database, "otto", Role.OPERATOR)
    other = await visit()
    await other.sign_in("otto", PASSWORD)
    answers = await asyncio.gather(
        as_olga.post(path(Step.START)), other.post(f"{path(Step.START)}/skip")
    )
    assert [answer.status for answer in answers] == [303, 303]
    assert (await progress(database)).state(Step.START) is StepState.DONE
    # Both name the same second operator: the second page says that this is done.
    fields = {"name": "ida", "display_name": "Ida"}
    both = await asyncio.gather(
        as_olga.post(path(Step.OPERATORS), fields), other.post(path(Step.OPERATORS), fields)
    )
    assert sorted(answer.status for answer in both) == [200, 409]
    assert (await progress(database)).state(Step.OPERATORS) is StepState.DONE


async def test_there_are_no_other_steps(as_olga: ConsoleBrowser) -> None:
    assert (await as_olga.get("/admin/setup/nothing")).status == 404
    assert (await as_olga.post("/admin/setup/nothing/skip")).status == 404
