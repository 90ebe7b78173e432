"""Does the model runner answer, and if not, why?"""

from __future__ import annotations

import time
from dataclasses import dataclass

from appliance.core.deadline import abandon_after
from appliance.core.errors import ApplianceError, Audience
from appliance.health.model import CheckId, CheckResult, CheckState, ok, warning
from appliance.health.remedies import (
    InstallRunner,
    ReadLog,
    Remedy,
    RestartService,
    StartService,
)
from appliance.health.service_words import MODEL_RUNNER
from appliance.llm.client import ModelRunner
from appliance.llm.condition import RunnerCondition, Silence, diagnose
from appliance.llm.runner_errors import unavailable

SLOW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunnerAnswer:
    """What the runner said about itself: without a `version` there was no answer."""

    version: str | None = None
    seconds: float = 0.0
    timed_out: bool = False


async def ask_runner(runner: ModelRunner, *, limit: float) -> RunnerAnswer:
    """Ask for the version, which needs no model. Never raises."""
    begun = time.monotonic()
    try:
        version = await abandon_after(limit, runner.version())
    except TimeoutError:
        return RunnerAnswer(timed_out=True)
    except ApplianceError:
        return RunnerAnswer()
    return RunnerAnswer(version, time.monotonic() - begun)


def evaluate_model_runner(
    known: RunnerCondition | None,
    answer: RunnerAnswer,
    *,
    needed: bool,
    address: str,
    detail: str = "",
) -> CheckResult:
    """Say how the runner is, for operators. Pure.

    `known` is what its supervisor says, `needed` that a model was chosen, and `detail` says more
    than this check can know. The machine is not as it was set up while a model is needed, or
    while a runner of its own should serve, and none answers.
    """
    answers = answer.version is not None
    if answers and known in {None, RunnerCondition.SERVING, RunnerCondition.ELSEWHERE}:
        return _evaluate_speed(answer)
    silence = diagnose(known, timed_out=answer.timed_out)
    words = unavailable(silence, address=address, reason="").words_for(Audience.OPERATOR)
    is_ours = known not in {None, RunnerCondition.ELSEWHERE}
    should_serve = is_ours and silence in {Silence.HUNG, Silence.FAILING}
    state = CheckState.BUSY if silence is Silence.STARTING else CheckState.WARNING
    return CheckResult(
        CheckId.MODEL_RUNNER,
        state,
        detail or words.sentence,
        words.hint,
        _remedy(silence) if is_ours else None,
        degrades=needed or should_serve,
    )


def _evaluate_speed(answer: RunnerAnswer) -> CheckResult:
    if answer.seconds > SLOW_SECONDS:
        sentence = f"The model runner answers slowly: after {answer.seconds:.1f} seconds."
        hint = "Answers take longer. The machine may be overloaded, or the model too large for it."
        return warning(CheckId.MODEL_RUNNER, sentence, hint, ReadLog(MODEL_RUNNER))
    return ok(CheckId.MODEL_RUNNER, f"Ollama {answer.version} answers.")


def _remedy(silence: Silence) -> Remedy | None:
    match silence:
        case Silence.NOT_INSTALLED:
            return InstallRunner()
        case Silence.STOPPED:
            return StartService(MODEL_RUNNER)
        case Silence.HUNG:
            return RestartService(MODEL_RUNNER)
        case Silence.FAILING:
            return ReadLog(MODEL_RUNNER)
        case Silence.STARTING | Silence.UNREACHABLE:
            return None
