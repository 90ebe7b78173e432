"""The same facts lead to the same answer everywhere: overview, commands, login and monitors."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from typing_extensions import override

from admin.overview_health import Tone, overview_health
from appliance.cli import doctor, units
from appliance.cli.connection import Connection
from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.core.settings import Settings
from appliance.health.checks.database import evaluate_database
from appliance.health.checks.disk_space import evaluate_disk
from appliance.health.checks.memory import evaluate_memory
from appliance.health.checks.model_runner import RunnerAnswer, evaluate_model_runner
from appliance.health.checks.models import evaluate_models
from appliance.health.login_message import text
from appliance.health.model import Check, CheckResult, CheckState, Health
from appliance.llm.choice import Chosen
from appliance.llm.condition import RunnerCondition
from appliance.probes.model import ProbeResult, ProbeState
from tests.builders.health import share_free
from tests.builders.models import CHAT
from tests.fakes.clock import FakeClock
from webchat.pages.health import readiness

ADDRESSES = {"chat": "https://box", "console": "https://box"}
ANSWERS, REFUSED = RunnerAnswer("0.32"), RunnerAnswer()
HOME = Path("/data")


def machine(
    *,
    database: ProbeState = ProbeState.OK,
    runner: RunnerCondition = RunnerCondition.SERVING,
    chosen: str | None = None,
    disk: float = 0.5,
    memory: float = 0.5,
) -> list[CheckResult]:
    """Return the results of the checks that the chat servers and the supervisor share."""
    answer = ANSWERS if runner is RunnerCondition.SERVING else REFUSED
    return [
        evaluate_database(ProbeResult(database, "said so")),
        evaluate_model_runner(runner, answer, needed=chosen is not None, address="there"),
        evaluate_disk(share_free(disk), HOME),
        evaluate_memory(share_free(memory)),
    ]


CASES = {
    "all is well": (machine(), True, Tone.GOOD),
    "no runner, and none is needed": (
        machine(runner=RunnerCondition.NOT_INSTALLED),
        True,
        Tone.WARN,
    ),
    "no runner, but a model was chosen": (
        machine(runner=RunnerCondition.NOT_INSTALLED, chosen="qwen"),
        False,
        Tone.WARN,
    ),
    "the runner hangs": (machine(runner=RunnerCondition.HUNG), False, Tone.WARN),
    "the runner starts": (machine(runner=RunnerCondition.STARTING), False, Tone.BUSY),
    "the database starts": (machine(database=ProbeState.NOT_READY), False, Tone.BUSY),
    "the database does not answer": (machine(database=ProbeState.FAILED), False, Tone.BAD),
    "the disk fills up": (machine(disk=0.08), True, Tone.WARN),
    "the disk is nearly full": (machine(disk=0.02), False, Tone.BAD),
    "memory is short": (machine(memory=0.08), True, Tone.WARN),
    "memory runs out": (machine(memory=0.01), False, Tone.BAD),
}


@pytest.mark.parametrize(
    ("results", "is_ready", "tone"), [pytest.param(*case, id=name) for name, case in CASES.items()]
)
async def test_everything_that_speaks_about_the_machine_agrees(
    results: list[CheckResult],
    is_ready: bool,
    tone: Tone,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    health = Health(tuple(results))
    answer = readiness(health)
    assert (answer.status == 200) is is_ready
    body = json.loads(answer.text or "")
    assert set(body["checks"]) == {"database", "ollama", "disk_space", "memory"}
    assert all(body["checks"].values()) is is_ready
    assert overview_health(health).tone is tone
    said = text(health, True, ADDRESSES)
    assert ("https://box/" in said) is is_ready
    assert (await status_code(health)) is (ExitCode.DONE if is_ready else ExitCode.NOT_READY)
    code = await doctor_code(results, monkeypatch)
    assert code is (ExitCode.DONE if is_ready else ExitCode.FAILED)
    printed = " ".join(capsys.readouterr().out.split())
    for problem in health.problems:
        assert problem.sentence in said
        assert problem.sentence in printed
    assert (health.line == "Everything runs") is (tone is Tone.GOOD)


def test_a_missing_model_is_amber_and_the_machine_is_ready() -> None:
    health = Health((*machine(), evaluate_models(Chosen(), [])))
    assert health.state is CheckState.WARNING
    assert health.is_ready
    assert Health((*machine(), evaluate_models(Chosen(), [CHAT]))).state is CheckState.OK


class Socket:
    """The control socket of a supervisor whose machine is like this."""

    def __init__(self, health: Health) -> None:
        self._answers = {"/health": health.as_json(), "/units": {"units": [], "absent": []}}

    async def ask(self, _method: str, path: str) -> object:
        return self._answers[path]


async def status_code(health: Health) -> ExitCode:
    class Connected(Context):
        @property
        @override
        def control(self) -> Connection:
            return cast("Connection", Socket(health))

    context = Connected(Settings(home=HOME), FakeClock(), Output(as_json=False))
    return await units.status(context, argparse.Namespace())


async def doctor_code(results: Sequence[CheckResult], monkeypatch: pytest.MonkeyPatch) -> ExitCode:
    """Return what the doctor says when its own checks find this."""

    def check(result: CheckResult) -> Check:
        async def ask() -> CheckResult:
            return result

        return Check(result.id, ask)

    monkeypatch.setattr(doctor, "_appliance", lambda *_: [check(result) for result in results])
    monkeypatch.setattr(doctor, "_machine_wide", lambda *_: [])
    context = Context(Settings(home=HOME), FakeClock(), Output(as_json=False))
    return await doctor.doctor(context, argparse.Namespace(seen_by_root=[]))
