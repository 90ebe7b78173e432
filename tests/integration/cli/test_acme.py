"""`cloister tls acme` sets an authority up, asks it, and shows how it went."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.acme.errors import TermsNotAcceptedError
from appliance.acme.model import AcmeState, NameFailure, Refusal
from appliance.acme.records import AcmeRecords
from appliance.cli.connection import RefusedError
from appliance.cli.context import Context
from appliance.cli.errors import ConfirmationNeededError, NoSuchFileError
from appliance.cli.output import ExitCode, Output
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.service import JobService
from appliance.llm.client import ModelRunner
from appliance.operations.model import Facts
from tests.builders.cli import asking_operations, run_verb
from tests.fakes.clock import START
from tests.fakes.operations import FakeOperations

DIRECTORY, TERMS = "https://ca.example/dir", "https://ca.example/terms"
SECRET = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
ACCEPTED = ("use", DIRECTORY, f"--accept-terms={TERMS}")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", host="chat.example", with_tls=True)


def authority(request: Facts) -> Facts:
    if request["work"] == "register" and request["terms"] != TERMS:
        raise TermsNotAcceptedError(place=DIRECTORY, terms=TERMS)
    return {"terms": TERMS, "website": "", "needs_binding": True}


@pytest.fixture
def operations(settings: Settings) -> FakeOperations:
    return FakeOperations(settings.operations, {"acme": authority})


@pytest.fixture
async def context(
    settings: Settings, database: Database, operations: FakeOperations
) -> AsyncIterator[Context]:
    """What a verb is given, which prints JSON."""
    models = ModelRunner("http://127.0.0.1:9")
    async with asking_operations(settings, database, operations, models) as context:
        yield context


async def printed(
    context: Context,
    capsys: pytest.CaptureFixture[str],
    *words: str,
    ends: ExitCode = ExitCode.DONE,
) -> Any:
    """Run `cloister tls acme …`, check the exit code, and return what it printed."""
    assert await run_verb(context, "tls", "acme", *words) is ends
    return json.loads(capsys.readouterr().out)


async def test_an_authority_says_what_it_wants(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await printed(context, capsys, "look", DIRECTORY)
    assert (found["terms"], found["needs_binding"]) == (TERMS, True)


async def test_without_agreement_the_terms_are_named_and_nothing_is_kept(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "tls", "acme", "use", DIRECTORY)
    assert refused.value.as_json()["code"] == "acme_terms"
    assert TERMS in refused.value.message
    assert "--accept-terms" in refused.value.advice
    assert (await printed(context, capsys, "show"))["plan"] is None


async def test_it_is_set_up_and_asked_at_once(
    context: Context,
    database: Database,
    operations: FakeOperations,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = ("--contact=ada@chat.example", "--name=chat.example", "--name=www.chat.example")
    found = await printed(context, capsys, *ACCEPTED, *more)
    assert found["names"] == ["chat.example", "www.chat.example"]
    assert found["plan"]["contact"] == ["ada@chat.example"]
    assert found["due"] == "first"
    [job] = await JobService(database, SystemClock()).jobs()
    assert (job.kind, job.requested_by) == ("acme", "command line")
    assert operations.asked("acme")[0]["binding"] is None


async def test_the_key_of_a_customer_comes_from_a_file(
    context: Context,
    operations: FakeOperations,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    bound = ("--key-id=customer-1", f"--key-file={path}")
    assert SECRET not in json.dumps(await printed(context, capsys, *ACCEPTED, *bound))
    [asked] = operations.asked("acme")
    assert asked["binding"] == {"key_id": "customer-1", "secret": SECRET}
    with pytest.raises(NoSuchFileError):
        await run_verb(context, "tls", "acme", *ACCEPTED, "--key-file=/none")


async def test_a_run_is_queued_once(
    context: Context, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (await printed(context, capsys, "renew"))["kind"] == "acme"
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "tls", "acme", "renew")
    assert refused.value.as_json()["code"] == "job_running"


async def test_it_shows_what_failed_and_says_so_by_its_exit_code(
    context: Context, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await printed(context, capsys, *ACCEPTED)
    failed = (NameFailure("chat.example", Refusal.DNS, "NXDOMAIN"),)
    state = AcmeState(failed=failed, failures=1, next_try_at=START, error="x", message="So it is.")
    AcmeRecords(settings.state).keep_state(state)
    found = await printed(context, capsys, "show", ends=ExitCode.FAILED)
    assert found["state"]["failed"][0]["refusal"] == "dns"
    people = Context(settings, SystemClock(), Output(as_json=False))
    await run_verb(people, "tls", "acme", "show")
    shown = capsys.readouterr().out
    for part in (DIRECTORY, TERMS, "http-01", "none yet", "So it is.", "chat.example: dns"):
        assert part in shown


async def test_it_is_switched_off_after_a_question(
    context: Context, operations: FakeOperations, capsys: pytest.CaptureFixture[str]
) -> None:
    await printed(context, capsys, *ACCEPTED)
    with pytest.raises(ConfirmationNeededError):
        await run_verb(context, "tls", "acme", "off")
    assert (await printed(context, capsys, "off", "--yes"))["plan"] is None
    assert operations.asked("acme")[-1]["work"] == "forget"
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "tls", "acme", "off", "--yes")
    assert refused.value.as_json()["code"] == "acme_off"
