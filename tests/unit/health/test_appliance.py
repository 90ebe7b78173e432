"""The checks of the appliance, over a supervisor, a database and a model runner of a test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.health.appliance import ApplianceChecks
from appliance.health.model import CheckId, CheckResult, CheckState, Health
from appliance.health.remedies import StartService
from appliance.health.seen import Seen
from appliance.health.service import HealthService
from appliance.llm.choice import Chosen
from appliance.llm.client import ModelRunner
from appliance.probes.model import ProbeResult, ProbeState
from appliance.supervisor.model import Phase
from tests.builders.health import seen, service
from tests.fakes.ollama import Behaviour, running_fake

ALL = seen(
    service("postgres"),
    service("ollama"),
    service("ingest"),
    service("webchat@1"),
    service("nginx"),
)
ANSWERS = ProbeResult(ProbeState.OK, "answers queries")
SILENT = ProbeResult(ProbeState.FAILED, "no answer within 1 s")


class FakeDatabase:
    """A database that answers a probe as a test wants it."""

    def __init__(self, reading: ProbeResult) -> None:
        self._reading = reading

    async def read(self) -> ProbeResult:
        return self._reading


def but(name: str, phase: Phase, stopped_by: str | None = None) -> Seen:
    """Return all services, of which one is in another phase."""
    changed = service(name, phase, "because", stopped_by)
    return seen(*(changed if each.name == name else each for each in ALL.services))


@asynccontextmanager
async def looking(
    found: Seen | None,
    *,
    reading: ProbeResult = ANSWERS,
    behaviour: Behaviour | None = None,
    chosen: Chosen | None = None,
) -> AsyncIterator[HealthService]:
    """Lend the service that looks at this machine; a choice of None is never answered."""

    async def see() -> Seen | None:
        return found

    async def ask_chosen() -> Chosen:
        if chosen is None:
            await asyncio.Event().wait()
        return chosen or Chosen()

    async with running_fake(behaviour) as fake, ModelRunner(fake.address) as runner:
        checks = ApplianceChecks(
            home=Path("/"),
            see=see,
            database=FakeDatabase(reading),
            runner=runner,
            runner_address=fake.address,
            chosen=ask_chosen,
            reader=Path("/nonexistent/ingest.sock"),
            patience=10.0 if behaviour is None and chosen else 0.3,
        )
        yield HealthService(checks.checks)


async def look(found: Seen | None, chosen: Chosen | None = None) -> dict[str, CheckResult]:
    async with looking(found, chosen=chosen or Chosen()) as machine:
        return by_id(await machine.current())


def by_id(health: Health) -> dict[str, CheckResult]:
    return {result.id: result for result in health.results}


async def test_everything_is_well() -> None:
    found = await look(ALL)
    for check in (CheckId.SERVICES, CheckId.DATABASE, CheckId.MODEL_RUNNER, CheckId.MODELS):
        assert found[check].state is CheckState.OK, found[check]


async def test_what_depends_on_a_stopped_database_is_not_ready() -> None:
    async with looking(but("postgres", Phase.STOPPED, "olga"), reading=SILENT) as machine:
        health = await machine.current()
    database = by_id(health)[CheckId.DATABASE]
    assert not health.is_ready
    assert database.state is CheckState.FAILED
    assert "was stopped by olga at" in database.sentence
    assert database.remedy == StartService("postgres")


async def test_a_database_that_its_supervisor_sees_well_and_we_do_not_is_a_failure() -> None:
    async with looking(ALL, reading=SILENT, chosen=Chosen()) as machine:
        assert by_id(await machine.current())[CheckId.DATABASE].state is CheckState.FAILED


async def test_a_stopped_runner_says_who_stopped_it_and_counts_where_a_model_was_chosen() -> None:
    stopped = but("ollama", Phase.STOPPED, "olga")
    idle = (await look(stopped))[CheckId.MODEL_RUNNER]
    assert (idle.state, idle.is_ready) == (CheckState.WARNING, True)
    assert "The model runner was stopped by olga" in idle.sentence
    needed = (await look(stopped, Chosen(chat="fake-chat:latest")))[CheckId.MODEL_RUNNER]
    assert (needed.state, needed.is_ready) == (CheckState.WARNING, False)


async def test_a_runner_that_was_given_up_is_amber_and_the_machine_is_not_ready() -> None:
    result = (await look(but("ollama", Phase.GAVE_UP)))[CheckId.MODEL_RUNNER]
    assert (result.state, result.is_ready) == (CheckState.WARNING, False)
    assert "because" in result.sentence


async def test_a_database_that_never_answers_holds_up_no_other_check() -> None:
    async with looking(ALL, reading=SILENT, chosen=None) as machine, asyncio.timeout(20):
        found = by_id(await machine.current())
    assert found[CheckId.MODEL_RUNNER].state is CheckState.OK
    assert found[CheckId.MODELS].state is CheckState.UNKNOWN


async def test_a_runner_that_hangs_holds_up_no_other_check() -> None:
    behaviour = Behaviour(lookup_delay=600)
    async with (
        looking(ALL, behaviour=behaviour, chosen=Chosen()) as machine,
        asyncio.timeout(20),
    ):
        found = by_id(await machine.current())
    assert found[CheckId.MODEL_RUNNER].state is CheckState.WARNING
    assert found[CheckId.DATABASE].state is CheckState.OK


async def test_without_a_supervisor_the_rest_is_still_checked() -> None:
    found = await look(None)
    assert found[CheckId.SERVICES].state is CheckState.UNKNOWN
    assert found[CheckId.DATABASE].state is CheckState.OK
