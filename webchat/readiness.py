"""Which checks say whether a chat server can serve."""

from __future__ import annotations

import asyncio
from functools import partial

from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.db.schema_objects import schema_state
from appliance.health.asking import answer_or_none
from appliance.health.checks.database import database_probe, evaluate_database
from appliance.health.checks.disk_space import disk_check
from appliance.health.checks.document_reader import evaluate_reader
from appliance.health.checks.memory import memory_check
from appliance.health.checks.model_runner import ask_runner, evaluate_model_runner
from appliance.health.checks.models import AskChosen, ask_chosen
from appliance.health.model import Check, CheckId, CheckResult
from appliance.library.reader_condition import KnowReader
from appliance.llm.client import ModelRunner
from appliance.llm.condition import KnowCondition
from appliance.probes.model import ProbeState

# Monitors and load balancers wait two seconds for an answer.
PATIENCE = 1.2
LIMIT = 1.5


def readiness_checks(
    settings: Settings,
    database: Database,
    runner: ModelRunner,
    chosen: AskChosen,
    know: KnowCondition,
    know_reader: KnowReader,
) -> list[Check]:
    """Return the checks; `know` and `know_reader` say how the supervisor sees these services."""
    probe = database_probe(database.address, limit=PATIENCE)

    async def database_answers() -> CheckResult:
        reading = await probe.read()
        if reading.state is not ProbeState.OK:
            return evaluate_database(reading)
        # A later version may have changed the schema; this server goes on until it is replaced.
        schema = await answer_or_none(partial(schema_state, database), limit=PATIENCE)
        return evaluate_database(reading, schema.lost if schema else ())

    async def runner_answers() -> CheckResult:
        known, answer, choice = await asyncio.gather(
            know(),
            ask_runner(runner, limit=PATIENCE),
            ask_chosen(chosen, limit=PATIENCE),
        )
        return evaluate_model_runner(
            known,
            answer,
            needed=choice is not None and choice.is_made,
            address=settings.runner_address,
        )

    async def reader_runs() -> CheckResult:
        return evaluate_reader(await know_reader())

    return [
        Check(CheckId.DATABASE, database_answers, LIMIT),
        Check(CheckId.MODEL_RUNNER, runner_answers, LIMIT),
        Check(CheckId.DOCUMENT_READER, reader_runs, LIMIT),
        disk_check(settings.documents, limit=LIMIT),
        memory_check(limit=LIMIT),
    ]
