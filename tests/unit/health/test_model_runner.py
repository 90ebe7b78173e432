"""Why no model answers: each cause has its words, its remedy, and is amber."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.core.errors import Audience
from appliance.health.checks.database import evaluate_database
from appliance.health.checks.model_runner import (
    RunnerAnswer,
    ask_runner,
    evaluate_model_runner,
)
from appliance.health.checks.models import evaluate_models
from appliance.health.model import CheckResult, CheckState
from appliance.health.remedies import (
    ChooseModels,
    InstallRunner,
    ReadLog,
    Remedy,
    RestartService,
    StartService,
)
from appliance.health.seen import Seen, reader_condition, runner_condition
from appliance.library.reader_condition import ReaderCondition
from appliance.llm.choice import Chosen
from appliance.llm.client import ModelRunner
from appliance.llm.condition import RunnerCondition, Silence, diagnose, published_condition
from appliance.llm.runner_errors import unavailable
from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.model import Phase
from tests.builders.health import seen, service
from tests.builders.models import CHAT, EMBED
from tests.fakes.ollama import Behaviour, running_fake

SILENT, REFUSED, ANSWERS = RunnerAnswer(timed_out=True), RunnerAnswer(), RunnerAnswer("0.32")


def evaluated(
    known: RunnerCondition | None, answer: RunnerAnswer, *, needed: bool = False
) -> CheckResult:
    return evaluate_model_runner(known, answer, needed=needed, address="there:11434")


@pytest.mark.parametrize(
    ("known", "answer", "words", "remedy"),
    [
        (RunnerCondition.NOT_INSTALLED, REFUSED, "No model runner is installed", InstallRunner()),
        (RunnerCondition.STOPPED, REFUSED, "stopped by an operator", StartService("ollama")),
        (RunnerCondition.SERVING, SILENT, "does not answer", RestartService("ollama")),
        (RunnerCondition.HUNG, SILENT, "does not answer", RestartService("ollama")),
        (RunnerCondition.FAILING, REFUSED, "does not run as it should", ReadLog("ollama")),
        (RunnerCondition.ELSEWHERE, REFUSED, "there:11434, the address that OLLAMA_HOST", None),
        (RunnerCondition.ELSEWHERE, SILENT, "does not answer", None),
        (None, REFUSED, "does not run as it should", None),
    ],
)
def test_each_cause_is_amber_with_its_own_words_and_remedy(
    known: RunnerCondition | None, answer: RunnerAnswer, words: str, remedy: Remedy | None
) -> None:
    result = evaluated(known, answer)
    assert result.state is CheckState.WARNING
    assert words in result.sentence
    assert result.remedy == remedy


def test_a_runner_that_starts_is_busy() -> None:
    result = evaluated(RunnerCondition.STARTING, REFUSED)
    assert (result.state, result.remedy) == (CheckState.BUSY, None)


def test_a_runner_that_its_supervisor_gave_up_is_not_well_although_something_answers() -> None:
    assert evaluated(RunnerCondition.FAILING, ANSWERS).state is CheckState.WARNING
    assert evaluated(RunnerCondition.SERVING, ANSWERS).state is CheckState.OK


def test_a_slow_runner_is_amber_but_ready() -> None:
    result = evaluated(RunnerCondition.SERVING, RunnerAnswer("0.32", seconds=1.1))
    assert (result.state, result.is_ready) == (CheckState.WARNING, True)
    assert "slowly" in result.sentence


@pytest.mark.parametrize(
    ("known", "needed", "is_ready"),
    [
        (RunnerCondition.NOT_INSTALLED, False, True),
        (RunnerCondition.NOT_INSTALLED, True, False),
        (RunnerCondition.ELSEWHERE, False, True),
        (RunnerCondition.ELSEWHERE, True, False),
        (RunnerCondition.STOPPED, False, True),
        (RunnerCondition.STOPPED, True, False),
        (RunnerCondition.FAILING, False, False),
        (RunnerCondition.HUNG, False, False),
        (None, False, True),
    ],
)
def test_the_machine_is_ready_without_a_runner_unless_it_was_set_up_to_have_one(
    known: RunnerCondition | None, needed: bool, is_ready: bool
) -> None:
    assert evaluated(known, REFUSED, needed=needed).is_ready is is_ready


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        (seen(service("ollama")), RunnerCondition.SERVING),
        (seen(service("ollama", Phase.STARTING)), RunnerCondition.STARTING),
        (seen(service("ollama", Phase.STOPPED)), RunnerCondition.STOPPED),
        (seen(service("ollama", Phase.FAILING)), RunnerCondition.HUNG),
        (seen(service("ollama", Phase.FAILED)), RunnerCondition.FAILING),
        (seen(service("ollama", Phase.GAVE_UP)), RunnerCondition.FAILING),
        (seen(ollama="not found"), RunnerCondition.NOT_INSTALLED),
    ],
)
def test_the_supervisor_knows_how_its_runner_is(found: Seen, condition: RunnerCondition) -> None:
    assert runner_condition(found, elsewhere=False) is condition


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        (seen(service("ingest")), ReaderCondition.SERVING),
        (seen(service("ingest", Phase.STARTING)), ReaderCondition.RECOVERING),
        (seen(service("ingest", Phase.FAILING)), ReaderCondition.RECOVERING),
        (seen(service("ingest", Phase.FAILED)), ReaderCondition.RECOVERING),
        (seen(service("ingest", Phase.STOPPED)), ReaderCondition.STOPPED),
        (seen(service("ingest", Phase.GAVE_UP)), ReaderCondition.GIVEN_UP),
        (seen(ollama="not found"), None),
    ],
)
def test_the_supervisor_knows_how_its_document_reader_is(
    found: Seen, condition: ReaderCondition | None
) -> None:
    assert reader_condition(found) is condition


def test_a_runner_that_is_not_ours_is_elsewhere() -> None:
    found = seen(ollama="answered by another server")
    assert runner_condition(found, elsewhere=True) is RunnerCondition.ELSEWHERE


@pytest.mark.parametrize("silence", list(Silence))
def test_members_and_operators_read_different_words_with_the_same_code(silence: Silence) -> None:
    error = unavailable(silence, address="there:11434", reason="")
    member, operator = error.words_for(Audience.MEMBER), error.words_for(Audience.OPERATOR)
    assert error.code == "model_runner_unavailable"
    assert "there:11434" not in f"{member.sentence} {member.hint}"
    assert "console" not in f"{member.sentence} {member.hint}"
    if silence is not Silence.STARTING:
        assert member != operator


@pytest.mark.parametrize("condition", list(RunnerCondition))
def test_every_condition_is_diagnosed(condition: RunnerCondition) -> None:
    assert diagnose(condition, timed_out=False) in set(Silence)


async def test_what_the_supervisor_published_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model-runner"
    know = published_condition(path)
    assert await know() is None
    assert await published_condition(path, elsewhere=True)() is RunnerCondition.ELSEWHERE
    path.write_text("stopped\n")
    assert await know() is RunnerCondition.STOPPED
    path.write_text("nonsense\n")
    assert await know() is None


async def test_a_client_says_why_the_runner_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "model-runner"
    path.write_text("stopped\n")
    async with ModelRunner("127.0.0.1:1", know=published_condition(path)) as runner:
        error = await runner.unavailable("refused")
        assert error.message == "An operator has stopped the model runner."
        assert (await ask_runner(runner, limit=5.0)).version is None


async def test_silence_is_noticed_within_the_limit() -> None:
    async with (
        running_fake(Behaviour(lookup_delay=60)) as fake,
        ModelRunner(fake.address) as runner,
    ):
        answer = await ask_runner(runner, limit=0.05)
    assert answer == RunnerAnswer(timed_out=True)


def test_models_are_in_use_although_no_operator_chose_them() -> None:
    result = evaluate_models(Chosen(searching="bge"), [CHAT, EMBED])
    assert (result.state, result.sentence) == (CheckState.OK, "qwen answers; bge searches.")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [(Chosen(), "No model writes answers"), (Chosen(chat="llama"), "not installed: llama")],
)
def test_a_missing_model_is_amber_with_a_remedy(chosen: Chosen, words: str) -> None:
    result = evaluate_models(chosen, [EMBED])
    assert (result.state, result.remedy) == (CheckState.WARNING, ChooseModels())
    assert words in result.sentence
    assert result.is_ready


def test_without_an_answer_about_models_nothing_is_claimed() -> None:
    assert evaluate_models(None, []).state is CheckState.UNKNOWN
    assert evaluate_models(Chosen(), None).state is CheckState.UNKNOWN


@pytest.mark.parametrize(
    ("reading", "state"),
    [
        (ProbeState.OK, CheckState.OK),
        (ProbeState.NOT_READY, CheckState.BUSY),
        (ProbeState.FAILED, CheckState.FAILED),
    ],
)
def test_a_database_that_starts_is_not_broken(reading: ProbeState, state: CheckState) -> None:
    assert evaluate_database(ProbeResult(reading, "said so")).state is state
