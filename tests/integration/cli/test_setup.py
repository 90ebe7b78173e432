"""`cloister setup`: judged as a whole, applied once, and printed so that it recreates itself."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.accounts.people import People
from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine
from appliance.actors.permissions import Role
from appliance.cli.context import Context
from appliance.cli.errors import (
    NoSuchFileError,
    SecretInFileError,
    SetupFileUnreadableError,
    TwoSecretsError,
)
from appliance.cli.output import ExitCode, Output
from appliance.core.clock import SystemClock
from appliance.core.errors import InvalidInputError
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.llm.client import ModelRunner
from appliance.offsite.targets import Targets
from appliance.operations.model import Facts
from appliance.setup.model import Step, StepState
from appliance.setup.service import SetupService
from tests.builders.cli import asking_operations, run_verb, serving_control
from tests.builders.people import FAST_PASSWORDS, PASSWORD, add_person
from tests.builders.services import services_of
from tests.fakes.ollama import FakeOllama
from tests.fakes.operations import FakeOperations

CLOCK = SystemClock()
SECRET = "a sentence that no output has"


@pytest.fixture
def operations(settings: Settings) -> FakeOperations:
    """The operations that the supervisor starts; every target is reached."""
    found = FakeOperations(settings.operations)
    found.answers.update({f"offsite-{number}": lambda _: {} for number in range(1, 5)})
    return found


@pytest.fixture
async def context(
    settings: Settings, database: Database, operations: FakeOperations, runner: FakeOllama
) -> AsyncIterator[Context]:
    """What the verb is given; it prints JSON."""
    async with (
        ModelRunner(runner.address) as models,
        asking_operations(settings, database, operations, models) as context,
    ):
        yield context


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that hold secrets."""
    (tmp_path / "olga.password").write_text(f"{PASSWORD}\n")
    (tmp_path / "attic.secret").write_text(f"{SECRET}\n")
    return tmp_path


def whole(folder: Path) -> str:
    return f"""
skip = ["backups", "check"]
[models]
chat = "fake-think"
search = "fake-embed:latest"
[settings]
upload_limit = "50 MB"
backup_time = 03:30:00
hot_minutes = 30
backup_models = false
allowed_models = ["fake-think"]
[[operators]]
name = "Olga"
display_name = "Olga O."
password_file = "{folder}/olga.password"
[[operators]]
name = "otto"
[[targets]]
name = "attic"
kind = "rest-server"
place = "https://attic.example:8000/c/"
user = "ada"
secret_file = "{folder}/attic.secret"
limit = 500
"""


async def run(
    context: Context, folder: Path, text: str, capsys: Any, *options: str
) -> tuple[ExitCode, dict[str, Any]]:
    file = folder / "setup.toml"
    file.write_text(text)
    code = await run_verb(context, "setup", "--from", str(file), *options)
    out = capsys.readouterr().out
    assert SECRET not in out
    assert PASSWORD not in out
    return code, json.loads(out)


async def test_a_new_machine_is_set_up_once_and_a_second_run_changes_nothing(
    context: Context, settings: Settings, folder: Path, database: Database, capsys: Any
) -> None:
    text = whole(folder).replace("03:30:00", '"03:30"')
    code, checked = await run(context, folder, text, capsys, "--check")
    assert code is ExitCode.WOULD_CHANGE
    assert not any(change["made"] for change in checked["changes"])
    assert await People(database, CLOCK).all(CommandLine()) == []

    code, done = await run(context, folder, text, capsys)
    assert code is ExitCode.DONE, done
    assert all(change["made"] for change in done["changes"])
    assert [change["kind"] for change in done["changes"]] == [
        change["kind"] for change in checked["changes"]
    ]
    # Olga has a password, Otto a link.
    assert list(done["links"]) == ["otto"]
    accounts = Accounts(database, CLOCK, FAST_PASSWORDS)
    token = await accounts.sign_in("olga", PASSWORD, "192.0.2.1")
    olga = await accounts.person(token.text)
    assert olga
    assert (olga.role, olga.display_name) == (Role.OPERATOR, "Olga O.")
    (target,) = await Targets(settings.offsite).targets()
    assert (target.name, target.secret, target.limit) == ("attic", SECRET, 500)
    progress = await SetupService(database, CLOCK).progress()
    assert progress.state(Step.OPERATORS) is progress.state(Step.MODELS) is StepState.DONE
    assert progress.state(Step.BACKUPS) is StepState.SKIPPED

    code, again = await run(context, folder, text, capsys)
    assert (code, again["changes"]) == (ExitCode.DONE, [])
    assert (await run(context, folder, text, capsys, "--check"))[0] is ExitCode.DONE


async def test_what_is_printed_recreates_itself_and_has_no_secret(
    context: Context, folder: Path, capsys: Any
) -> None:
    await run(context, folder, whole(folder).replace("03:30:00", '"03:30"'), capsys)
    plain = Context(context.settings, CLOCK, Output(as_json=False))
    assert await run_verb(plain, "setup", "--print") is ExitCode.DONE
    text = capsys.readouterr().out
    assert SECRET not in text
    assert PASSWORD not in text
    for said in ('upload_limit = "50 MB"', 'name = "attic"', 'name = "olga"', "fake-think"):
        assert said in text
    code, checked = await run(context, folder, text, capsys, "--check")
    assert (code, checked["changes"], checked["problems"]) == (ExitCode.DONE, [], [])


async def test_everything_that_is_wrong_is_named_and_nothing_is_changed(
    context: Context, folder: Path, database: Database, capsys: Any
) -> None:
    text = f"""
banner = "hello"
skip = ["nothing"]
[models]
chat = "fake-embed"
search = "gone"
[settings]
upload_limit = "2 B"
upload_limits = 5
hot_minutes = 2.5
[[operators]]
name = "o t t o"
[[operators]]
display_name = "Nobody"
[[operators]]
name = "olga"
password_file = "{folder}/olga.password"
[[operators]]
name = "OLGA"
colour = "red"
[[targets]]
name = "attic"
kind = "folder"
place = "/etc"
[[targets]]
name = "attic"
"""
    code, answer = await run(context, folder, text, capsys)
    assert code is ExitCode.FAILED
    assert {(each["where"], each["fault"]) for each in answer["problems"]} == {
        ("banner", "unknown"),
        ("skip: nothing", "unknown"),
        ("models.chat", "model_unsuitable"),
        ("models.search", "model_missing"),
        ("settings.upload_limit", "refused"),
        ("settings.upload_limits", "refused"),
        ("settings.hot_minutes", "refused"),
        ("operators[1]", "refused"),
        ("operators[2].name", "missing"),
        ("operators[4].colour", "unknown"),
        ("operators[4].name", "repeated"),
        ("targets[1].place", "refused"),
        ("targets[2].name", "repeated"),
    }
    assert all(each["sentence"].startswith(each["where"]) for each in answer["problems"])
    assert await People(database, CLOCK).all(CommandLine()) == []


async def test_sections_of_the_wrong_shape_are_named(
    context: Context, folder: Path, capsys: Any
) -> None:
    text = 'skip = "all"\nmodels = 3\nsettings = []\noperators = "olga"\ntargets = [1]\n'
    code, answer = await run(context, folder, text, capsys)
    assert code is ExitCode.FAILED
    assert {each["where"] for each in answer["problems"] if each["fault"] == "wrong_type"} == {
        "skip",
        "models",
        "settings",
        "operators",
        "targets[1]",
    }


async def test_a_member_becomes_an_operator_and_keeps_the_password(
    context: Context, folder: Path, database: Database, capsys: Any
) -> None:
    await add_person(database, "olga", password="quite another secret")
    text = f'[[operators]]\nname = "olga"\npassword_file = "{folder}/olga.password"\n'
    code, answer = await run(context, folder, text, capsys)
    assert code is ExitCode.DONE
    assert answer["changes"][0]["kind"] == "make_operator"
    accounts = Accounts(database, CLOCK, FAST_PASSWORDS)
    assert (await accounts.sign_in("olga", "quite another secret", "192.0.2.1")).text


async def test_a_change_that_fails_says_how_far_it_came_and_the_next_run_goes_on(
    context: Context, folder: Path, operations: FakeOperations, capsys: Any
) -> None:
    def away(_: Facts) -> Facts:
        raise InvalidInputError(problem="The attic is away.", remedy="Switch it on.")

    operations.answers["offsite-1"] = away
    text = whole(folder).replace("03:30:00", '"03:30"')
    code, answer = await run(context, folder, text, capsys)
    assert code is ExitCode.FAILED
    assert answer["failure"]["message"] == "The attic is away."
    made = {each["kind"]: each["made"] for each in answer["changes"]}
    assert made["add_operator"]
    assert made["use_model"]
    assert not made["add_target"]
    operations.answers["offsite-1"] = lambda _: {}
    code, answer = await run(context, folder, text, capsys)
    assert code is ExitCode.DONE
    assert answer["changes"][0]["kind"] == "add_target"


async def test_a_missing_runner_is_a_problem_only_for_another_model(
    context: Context, folder: Path, database: Database, capsys: Any
) -> None:
    chosen = '[models]\nchat = "fake-think:latest"\n'
    assert (await run(context, folder, chosen, capsys))[0] is ExitCode.DONE
    alone = Settings(home=folder / "other")
    async with serving_control(alone, services_of(database)):
        other = Context(alone, CLOCK, Output(as_json=True))
        code, answer = await run(other, folder, chosen, capsys)
        assert (code, answer["changes"]) == (ExitCode.DONE, [])
        code, answer = await run(other, folder, '[models]\nchat = "another"\n', capsys)
    assert code is ExitCode.FAILED
    (problem,) = answer["problems"]
    assert (problem["where"], problem["fault"]) == ("models.chat", "runner_silent")


async def test_secrets_come_from_files_and_standard_input_alone(
    context: Context, folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    file = folder / "bad.toml"
    for text, error in (
        ('[[operators]]\nname = "a"\npassword = "in the file"\n', SecretInFileError),
        ('[[targets]]\nname = "a"\nsecret = "in the file"\n', SecretInFileError),
        ('[[operators]]\nname = "a"\npassword_file = "/nowhere"\n', NoSuchFileError),
        ("models = [", SetupFileUnreadableError),
        (
            '[[operators]]\nname = "a"\npassword_file = "-"\n' * 2,
            TwoSecretsError,
        ),
    ):
        file.write_text(text)
        with pytest.raises(error):
            await run_verb(context, "setup", "--from", str(file))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    text = '[[operators]]\nname = "ida"\npassword_file = "-"\n'
    assert (await run(context, folder, text, capsys))[0] is ExitCode.DONE
    accounts = Accounts(database, CLOCK, FAST_PASSWORDS)
    assert (await accounts.sign_in("ida", PASSWORD, "192.0.2.1")).text


async def test_settings_that_can_shut_out_are_changed_last_and_on_trial(
    context: Context, folder: Path, database: Database, capsys: Any
) -> None:
    text = '[settings]\nhost = "box.example"\njob_days = 30\n[[operators]]\nname = "otto"\n'
    code, answer = await run(context, folder, text, capsys)
    assert code is ExitCode.DONE, answer
    kinds = [each["kind"] for each in answer["changes"]]
    assert kinds[-2:] == ["set", "set"]
    assert kinds[0] == "add_operator"
    assert answer["trial"] is not None
    # Until it is confirmed, the file is not fulfilled.
    code, again = await run(context, folder, text, capsys, "--check")
    assert code is ExitCode.WOULD_CHANGE
    assert [each["subject"] for each in again["changes"]] == ["host"]
    ended = await context.control.ask("POST", "/trial/confirm")
    assert ended is not None
    assert (await run(context, folder, text, capsys, "--check"))[0] is ExitCode.DONE


async def test_a_setting_of_another_kind_of_installation_is_named(
    settings: Settings, database: Database, folder: Path, capsys: Any
) -> None:
    packaged = replace(settings, home=folder / "packaged", packaged=True)
    models, operations = ModelRunner("http://127.0.0.1:9"), FakeOperations(packaged.operations)
    async with asking_operations(packaged, database, operations, models) as context:
        code, answer = await run(context, folder, "[settings]\nweb_port = 9000\n", capsys)
    assert code is ExitCode.FAILED
    assert answer["problems"][0]["where"] == "settings.web_port"
