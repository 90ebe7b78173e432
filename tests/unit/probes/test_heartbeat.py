"""Busy is not dead: what a silent server's signs of life mean."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.core.heartbeat import Beat
from appliance.probes.heartbeat import (
    LONGEST_SILENCE,
    LONGEST_TURN,
    HeartbeatProbe,
    evaluate_beat,
)
from appliance.probes.model import ProbeResult, ProbeState

NOW = 5000.0
SILENCE = ProbeResult(ProbeState.FAILED, "no answer within 3 s", silent=True)
SLEEPS, RUNS = "S", "R"


@pytest.mark.parametrize(
    ("written", "turned", "state", "expected"),
    [
        # Its thread lives, and its loop turns or turned a while ago.
        (0.5, 0.5, SLEEPS, ProbeState.BUSY),
        (0.5, LONGEST_TURN - 1, SLEEPS, ProbeState.BUSY),
        (0.5, LONGEST_TURN - 1, None, ProbeState.BUSY),
        # One operation holds up the thread as well, but the process computes.
        (LONGEST_TURN - 1, LONGEST_TURN - 1, RUNS, ProbeState.BUSY),
        # Nothing has turned for so long that nothing will.
        (0.5, LONGEST_TURN, RUNS, ProbeState.FAILED),
        # Stuck without computing.
        (LONGEST_SILENCE, LONGEST_SILENCE, SLEEPS, ProbeState.FAILED),
        (LONGEST_SILENCE, LONGEST_SILENCE, None, ProbeState.FAILED),
    ],
)
def test_a_silent_process_is_busy_or_dead(
    written: float, turned: float, state: str | None, expected: ProbeState
) -> None:
    beat = Beat(1, NOW - written, NOW - turned)
    assert evaluate_beat(SILENCE, beat, state, NOW).state is expected


def test_it_says_since_when_the_loop_is_busy() -> None:
    busy = evaluate_beat(SILENCE, Beat(1, NOW, NOW - 12), SLEEPS, NOW)
    assert busy.sentence == "it is busy: its event loop made its last turn 12 s ago"
    stuck = evaluate_beat(SILENCE, Beat(1, NOW, NOW - 75), SLEEPS, NOW)
    assert stuck.sentence == "its event loop has made no turn for 75 s"


@dataclass
class Server:
    result: ProbeResult

    async def read(self) -> ProbeResult:
        return self.result


def _probe(result: ProbeResult, heartbeat: Path) -> HeartbeatProbe:
    return HeartbeatProbe(Server(result), heartbeat, monotonic=lambda: NOW)


@pytest.mark.parametrize(
    "answer",
    [
        ProbeResult(ProbeState.OK, "answers"),
        ProbeResult(ProbeState.NOT_READY, "answers that it is not ready"),
        ProbeResult(ProbeState.FAILED, "answers 500 instead of 200"),
    ],
)
async def test_an_answer_counts_as_it_is(tmp_path: Path, answer: ProbeResult) -> None:
    heartbeat = tmp_path / "a.heartbeat"
    heartbeat.write_text(f"{os.getpid()} {NOW} {NOW}\n")
    assert await _probe(answer, heartbeat).read() == answer


async def test_silence_is_explained_by_the_last_sign_of_life(tmp_path: Path) -> None:
    heartbeat = tmp_path / "a.heartbeat"
    assert await _probe(SILENCE, heartbeat).read() == SILENCE
    heartbeat.write_text(f"{os.getpid()} {NOW} {NOW - 7}\n")
    assert (await _probe(SILENCE, heartbeat).read()).state is ProbeState.BUSY
