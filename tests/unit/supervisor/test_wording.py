"""The sentence for each cause."""

from __future__ import annotations

import pytest

from appliance.supervisor.model import (
    Action,
    Cause,
    Decision,
    Facts,
    GivenUp,
    NotReady,
    Phase,
    StoppedAnswering,
)
from appliance.supervisor.wording import ending_words, sentence
from appliance.units.model import Ending, EndingKind
from tests.unit.supervisor.observations import ANNA, OUTSIDE, exited, killed

ENOUGH = GivenUp(10, 30, killed(11))


def words(action: Action, cause: Cause, facts: Facts) -> str:
    return sentence("ollama", Decision(action, Phase.FAILED, cause, facts))


@pytest.mark.parametrize(
    ("action", "cause", "facts", "expected"),
    [
        (Action.START, Cause.WANTED, Facts(), "start ollama: it is wanted"),
        (Action.START, Cause.WANTED, Facts(request=ANNA), "start ollama: requested by Anna"),
        (Action.STOP, Cause.STOP_REQUESTED, Facts(request=ANNA), "stop ollama: requested by Anna"),
        (
            Action.RESTART,
            Cause.RESTART_REQUESTED,
            Facts(request=ANNA),
            "restart ollama: requested by Anna",
        ),
        (
            Action.RESTART,
            Cause.NOT_READY_IN_TIME,
            Facts(fault=NotReady(60, "no answer")),
            "restart ollama: not ready 60 s after its start (no answer)",
        ),
        (
            Action.RESTART,
            Cause.STOPPED_ANSWERING,
            Facts(fault=StoppedAnswering(3, 30, "no answer")),
            "restart ollama: 3 failed probes in 30 s (no answer)",
        ),
        (
            Action.RETRY,
            Cause.ENDED,
            Facts(fault=killed(), attempt=1, budget=10),
            "start ollama again: killed by SIGKILL (restart 1 of 10)",
        ),
        (Action.WAIT, Cause.ENDED, Facts(fault=exited(1), seconds=7), "starts again in 7 s"),
        (Action.WAIT, Cause.STOPPED_ON_REQUEST, Facts(request=ANNA), "stopped by Anna"),
        (
            Action.WAIT,
            Cause.STOPPED_OUTSIDE,
            Facts(request=OUTSIDE),
            "stopped outside of Cloister with systemctl; `cloister start ollama` starts it again",
        ),
        (
            Action.GIVE_UP,
            Cause.BUDGET_SPENT,
            Facts(given_up=ENOUGH),
            "gave up after 10 restarts in 30 min; the last time: killed by SIGSEGV",
        ),
        (
            Action.WAIT,
            Cause.GIVEN_UP,
            Facts(given_up=ENOUGH, seconds=540),
            "killed by SIGSEGV; it is tried once more in 9 min",
        ),
        (Action.RETRY, Cause.GIVEN_UP, Facts(given_up=ENOUGH), "try ollama once more: gave up"),
        (Action.WAIT, Cause.MISSING_NEEDS, Facts(units=("a", "b")), "waits for a and b"),
        (Action.WAIT, Cause.USERS_STILL_RUN, Facts(units=("a",)), "waits for a to stop"),
    ],
)
def test_a_cause_and_its_facts_become_a_sentence(
    action: Action, cause: Cause, facts: Facts, expected: str
) -> None:
    assert expected in words(action, cause, facts)


@pytest.mark.parametrize("cause", list(Cause))
def test_each_cause_has_words(cause: Cause) -> None:
    assert words(Action.WAIT, cause, Facts(units=("a",), answer="answers"))
    for action in Action:
        assert words(action, cause, Facts())


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (exited(3), "ended with code 3"),
        (Ending(EndingKind.SETUP_FAILED, code=226), "ended with code 226 (systemd: NAMESPACE)"),
        (killed(), "killed by SIGKILL"),
        (Ending(EndingKind.DUMPED, signal=11), "killed by SIGSEGV, core dumped"),
        (Ending(EndingKind.REFUSED, detail="not allowed."), "start refused: not allowed."),
        (Ending(EndingKind.NOT_PREPARED, detail="one cannot start."), "one cannot start."),
        (Ending(EndingKind.UNKNOWN, detail="new-word"), "ended: new-word"),
        (Ending(EndingKind.UNKNOWN), "ended"),
        (Ending(EndingKind.WATCHDOG), "killed by its watchdog: it was silent for too long"),
    ],
)
def test_an_ending_is_a_sentence_without_its_subject(ending: Ending, expected: str) -> None:
    assert ending_words(ending) == expected


@pytest.mark.parametrize("kind", list(EndingKind))
def test_each_kind_of_ending_has_words_also_without_facts(kind: EndingKind) -> None:
    assert ending_words(Ending(kind, code=1, signal=9, detail="why"))
    assert ending_words(Ending(kind))
