"""A process that a signal has stopped is not waited for."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.probes.model import ProbeResult, ProbeState
from appliance.probes.process import ProcessFacts
from appliance.probes.stopped import STOPPED, read_unless_stopped

SLEEPS, STOPS = "S", "T"
OK = ProbeResult(ProbeState.OK, "answers")
SILENCE = ProbeResult(ProbeState.FAILED, "no answer within 3 s", silent=True)


@dataclass
class Server:
    """Answers with `result`, after which its process is in the state `then`."""

    result: ProbeResult
    state: str = SLEEPS
    then: str = SLEEPS
    questions: list[None] = field(default_factory=list)

    async def read(self) -> ProbeResult:
        self.questions.append(None)
        self.state = self.then
        return self.result

    def process(self, pid: int) -> ProcessFacts | None:
        return ProcessFacts(pid, "server", self.state, pid, pid, 1)


async def test_a_stopped_process_is_dead_and_not_asked() -> None:
    server = Server(OK, state=STOPS)
    assert await read_unless_stopped(server, 7, process=server.process) is STOPPED
    assert STOPPED.dead
    assert not server.questions


async def test_one_that_is_stopped_while_it_is_asked_is_dead() -> None:
    server = Server(SILENCE, then=STOPS)
    assert await read_unless_stopped(server, 7, process=server.process) is STOPPED


async def test_an_answer_counts_as_it_is() -> None:
    for answer in (OK, SILENCE):
        server = Server(answer)
        assert await read_unless_stopped(server, 7, process=server.process) is answer
    late = Server(OK, then=STOPS)
    assert await read_unless_stopped(late, 7, process=late.process) is OK


async def test_a_unit_whose_process_is_not_known_is_asked() -> None:
    assert await read_unless_stopped(Server(OK), None) is OK
    assert await read_unless_stopped(Server(OK), 7, process=lambda _: None) is OK
