"""`cloister backup` asks the supervisor to save, to copy, and to make and prove keys."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from appliance.backup_plan.records import read_plan, read_proof
from appliance.cli.connection import RefusedError
from appliance.cli.context import Context
from appliance.cli.errors import (
    ConfirmationNeededError,
    KeyNotTypedError,
    NoSuchFileError,
    NotRunningError,
)
from appliance.cli.output import ExitCode, Output
from appliance.cli.parser import run
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.model import JobState
from appliance.jobs.service import JobService
from appliance.llm.client import ModelRunner
from appliance.offsite.errors import TargetMissingError, TargetRefusedError
from appliance.offsite.targets import Targets
from appliance.operations.model import Facts
from appliance.repository.errors import KeyRetiredError
from appliance.repository.recovery_key import RecoveryKey
from tests.builders.backup_facts import KEY, catalog_of, keep_target, publish, target
from tests.builders.cli import asking_operations, run_verb
from tests.fakes.operations import FakeOperations

SHEET = {"repository": "ef" * 32, "key_file": "eyJrZXkiOiAxfQ==", "config": "AP8A/w=="}
_ENDED = "UPDATE core.job SET state = %s, result = 'So it ended.', finished_at = now()"
SECRET = "a sentence that no log has"
REST = ("rest-server", "--name=attic", "--place=https://attic.example:8000/c/", "--user=ada")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def operations(settings: Settings) -> FakeOperations:
    """The operations that the supervisor starts."""
    return FakeOperations(settings.operations)


@pytest.fixture
async def context(
    settings: Settings, database: Database, operations: FakeOperations
) -> AsyncIterator[Context]:
    """What a verb is given, which prints JSON; the supervisor's operations are fakes."""
    models = ModelRunner("http://127.0.0.1:9")
    async with asking_operations(settings, database, operations, models) as context:
        yield context


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """The option for a file with a password."""
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return f"--secret-file={path}"


async def printed(
    context: Context,
    capsys: pytest.CaptureFixture[str],
    *words: str,
    ends: ExitCode = ExitCode.DONE,
) -> Any:
    """Run `cloister backup …`, check the exit code, and return what it printed."""
    assert await run_verb(context, "backup", *words) is ends
    return json.loads(capsys.readouterr().out)


async def actions(database: Database) -> list[tuple[str, str]]:
    async with database.connection() as connection:
        rows = await connection.execute("SELECT action, actor FROM core.audit ORDER BY id")
        return [(str(action), str(actor)) for action, actor in await rows.fetchall()]


@pytest.mark.parametrize(("verb", "kind"), [("now", "backup"), ("verify", "drill")])
async def test_a_job_is_queued_once(
    context: Context, database: Database, capsys: pytest.CaptureFixture[str], verb: str, kind: str
) -> None:
    job = await printed(context, capsys, verb)
    assert (job["kind"], job["state"]) == (kind, "queued")
    [found] = await JobService(database, SystemClock()).jobs()
    assert (found.kind, found.requested_by) == (kind, "command line")
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "backup", verb)
    assert refused.value.as_json()["code"] == "job_running"


@pytest.mark.parametrize(
    ("state", "code"), [(JobState.DONE, ExitCode.DONE), (JobState.FAILED, ExitCode.FAILED)]
)
async def test_the_exit_code_says_how_a_job_ended_that_was_waited_for(
    context: Context,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    state: JobState,
    code: ExitCode,
) -> None:
    class Clock(SystemClock):
        """Ends the job while the command line waits."""

        @override
        async def sleep(self, _: float) -> None:
            async with database.connection() as connection:
                await connection.execute(_ENDED, (state,))

    waiting = Context(context.settings, Clock(), context.output)
    job = await printed(waiting, capsys, "now", "--wait", ends=code)
    assert (job["state"], job["result"]) == (state, "So it ended.")


async def test_the_sheet_of_a_key_is_printed_and_its_key_proved(
    context: Context,
    operations: FakeOperations,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    made = []

    def key(request: Facts) -> Facts:
        typed = RecoveryKey.parse(str(request["recovery_key"]))
        if request["work"] == "add":
            made.append(typed)
            return SHEET
        if typed.text != made[0].text:
            raise KeyRetiredError(found=typed.fingerprint, expected=made[0].fingerprint)
        return {"fingerprint": typed.fingerprint}

    operations.answers["key"] = key
    sheet = await printed(context, capsys, "key", "make")
    assert RecoveryKey.parse(sheet["key"]).fingerprint == sheet["fingerprint"]
    assert (sheet["repository"], sheet["replaces"]) == (SHEET["repository"], False)

    file = tmp_path / "key"
    file.write_text(f"\n {sheet['key'].lower()}\n")
    proof = await printed(context, capsys, "key", "verify", f"--key-file={file}")
    assert proof["fingerprint"] == sheet["fingerprint"]
    kept = read_proof(context.settings.state)
    assert kept is not None
    assert kept.fingerprint == sheet["fingerprint"]
    assert await actions(database) == [
        ("recovery_key.make", "command line"),
        ("recovery_key.prove", "command line"),
    ]

    for text, code in ((KEY.text, "key_retired"), (f"{KEY.text[:-1]}#", "key_mistyped")):
        file.write_text(text)
        with pytest.raises(RefusedError) as refused:
            await run_verb(context, "backup", "key", "verify", f"--key-file={file}")
        assert refused.value.as_json()["code"] == code
    assert read_proof(context.settings.state) == kept


async def test_a_sheet_for_people_has_all_that_a_restore_may_need(
    context: Context, operations: FakeOperations, capsys: pytest.CaptureFixture[str]
) -> None:
    operations.answers["key"] = lambda _: SHEET
    people = Context(context.settings, context.clock, Output(as_json=False))
    assert await run_verb(people, "backup", "key", "make") is ExitCode.DONE
    text = capsys.readouterr().out
    for words in (*SHEET.values(), "Recovery key", "cloister backup key verify"):
        assert words in text


async def test_a_key_is_replaced_after_a_question(
    context: Context,
    operations: FakeOperations,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    operations.answers["key"] = lambda _: SHEET
    publish(context.settings, catalog_of(SystemClock().now()))
    with pytest.raises(ConfirmationNeededError):
        await run_verb(context, "backup", "key", "replace")
    assert operations.requests == []
    assert (await printed(context, capsys, "key", "replace", "--yes"))["replaces"] is True
    assert await actions(database) == [("recovery_key.replace", "command line")]


async def test_the_machines_own_key_is_let_in_by_the_recovery_key(
    context: Context,
    operations: FakeOperations,
    database: Database,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    operations.answers["key"] = lambda _: {"repository": SHEET["repository"]}
    file = tmp_path / "key"
    file.write_text(KEY.text)
    found = await printed(context, capsys, "key", "machine", f"--key-file={file}")
    assert found == {"repository": SHEET["repository"]}
    assert operations.requests == [("key", {"work": "machine", "recovery_key": KEY.text})]
    assert await actions(database) == [("machine_key.add", "command line")]
    file.write_text(f"{KEY.text[:-1]}#")
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "backup", "key", "machine", f"--key-file={file}")
    assert refused.value.as_json()["code"] == "key_mistyped"
    assert len(operations.requests) == 1


async def test_a_key_comes_from_a_file_or_from_a_terminal_alone(
    context: Context, tmp_path: Path
) -> None:
    with pytest.raises(KeyNotTypedError):
        await run_verb(context, "backup", "key", "verify")
    with pytest.raises(NoSuchFileError):
        await run_verb(context, "backup", "key", "verify", f"--key-file={tmp_path / 'none'}")


async def test_a_target_is_added_changed_probed_and_removed(
    context: Context,
    operations: FakeOperations,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    secret: str,
) -> None:
    operations.answers["offsite-1"] = lambda _: {"holds": "nothing", "protection": "append-only"}
    targets = Targets(context.settings.offsite)
    added = await printed(context, capsys, "targets", "add", *REST, "--limit=300", secret)
    assert (added["number"], added["limit"], added["has_secret"]) == (1, 300, True)
    assert (await targets.target(1)).secret == SECRET

    changed = await printed(
        context, capsys, "targets", "change", "1", "--opens=22:00", "--closes=06:00", "--limit=0"
    )
    assert (changed["name"], changed["limit"], changed["opens"]) == ("attic", 0, "22:00")
    assert (await targets.target(1)).secret == SECRET

    probed = await printed(context, capsys, "targets", "probe", "1")
    assert probed["protection"] == "append-only"
    assert operations.asked("offsite-1")[-1] == {"work": "probe", "prepare": True}

    [row] = await printed(context, capsys, "targets", "list")
    assert (row["number"], row["name"], row["kind"]) == (1, "attic", "rest-server")
    assert SECRET not in json.dumps([added, changed, probed, row])

    job = await printed(context, capsys, "targets", "copy", "1")
    assert (job["kind"], job["subject"], job["state"]) == ("offsite", "1", "queued")

    with pytest.raises(ConfirmationNeededError):
        await run_verb(context, "backup", "targets", "remove", "1")
    removed = await printed(context, capsys, "targets", "remove", "1", "--yes")
    assert removed["name"] == "attic"
    assert await printed(context, capsys, "targets", "list") == []
    assert [action for action, _ in await actions(database)] == [
        "backup_target.add",
        "backup_target.change",
        "job.start",
        "backup_target.remove",
    ]


async def test_a_target_that_refuses_is_not_kept_and_a_changed_one_stays_as_it_was(
    context: Context, operations: FakeOperations, secret: str
) -> None:
    def refuse(_: Facts) -> Facts:
        raise TargetRefusedError(place="attic")

    operations.answers["offsite-1"] = refuse
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "backup", "targets", "add", *REST, secret)
    assert refused.value.as_json()["code"] == "offsite_refused"
    assert list(context.settings.offsite.glob("?.json")) == []

    keep_target(context.settings, target())
    with pytest.raises(RefusedError):
        await run_verb(context, "backup", "targets", "change", "1", "--name=attic")
    assert await Targets(context.settings.offsite).target(1) == target()


async def test_a_wrong_field_and_a_wrong_number_are_named(context: Context) -> None:
    words = ("add", "folder", "--name=x", "--place=relative")
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "backup", "targets", *words)
    assert refused.value.as_json()["code"] == "offsite_target_invalid"
    assert "below /mnt" in refused.value.message
    for verb in ("probe", "copy"):
        with pytest.raises(RefusedError) as missing:
            await run_verb(context, "backup", "targets", verb, "3")
        assert missing.value.as_json()["code"] == "offsite_target_missing"
    with pytest.raises(TargetMissingError):
        await run_verb(context, "backup", "targets", "change", "3", "--name=x")


async def test_a_body_that_is_no_target_is_refused(context: Context) -> None:
    wrong: tuple[tuple[object, str], ...] = (
        ([], "invalid_input"),
        ({"name": 1}, "invalid_input"),
        ({"name": "x", "number": "first"}, "offsite_target_missing"),
    )
    for body, code in wrong:
        with pytest.raises(RefusedError) as refused:
            await context.control.ask("POST", "/backups/targets", body=body)
        assert refused.value.as_json()["code"] == code


async def test_a_restore_at_the_command_line_is_noted_for_the_console(context: Context) -> None:
    path, state = "/backups/restored", context.settings.state
    await context.control.ask("POST", path, body={"former_is_kept": True})
    noted = read_plan(state).restored_at
    assert noted is not None
    await context.control.ask("POST", path, body={"former_is_kept": True})
    assert read_plan(state).restored_at == noted
    await context.control.ask("POST", path, body={"former_is_kept": False})
    assert read_plan(state).restored_at is None
    with pytest.raises(RefusedError):
        await context.control.ask("POST", path, body={"former_is_kept": "yes"})


async def test_without_a_supervisor_nothing_is_started(settings: Settings) -> None:
    context = Context(settings, SystemClock(), Output(as_json=True))
    for words in (("now",), ("verify",), ("key", "make"), ("targets", "probe", "1")):
        with pytest.raises(NotRunningError):
            await run_verb(context, "backup", *words)


def test_the_command_line_exits_with_1_for_a_refusal_and_4_without_a_supervisor(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOISTER_HOME", str(settings.home))
    assert run(["backup", "now", "--json"]) == ExitCode.NOT_RUNNING
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "not_running"
    assert run(["backup", "status", "--json"]) == ExitCode.FAILED
    assert json.loads(capsys.readouterr().out)["standing"] == "missing"
    assert run(["backup", "targets", "remove", "1", "--json"]) == ExitCode.FAILED
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "confirmation_needed"
