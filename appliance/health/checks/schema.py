"""Has every migration run?"""

from __future__ import annotations

from appliance.db.migrate import pending
from appliance.health.model import Check, CheckId, CheckResult, failed, ok, unknown
from appliance.health.remedies import RestartService
from appliance.probes.model import Probe, ProbeState


def schema_check(address: str, database: Probe) -> Check:
    """Return the check of the database at `address`, which `database` asks whether it answers."""

    async def ask() -> CheckResult:
        if (await database.read()).state is not ProbeState.OK:
            return unknown(CheckId.SCHEMA, "The database does not answer.")
        return evaluate_schema(await pending(address))

    return Check(CheckId.SCHEMA, ask)


def evaluate_schema(missing: list[str]) -> CheckResult:
    """Say what migrations that have not run mean. Pure."""
    if missing:
        sentence = f"These migrations have not run: {', '.join(missing)}."
        hint = "Run them; `cloister logs migrate` says what went wrong."
        return failed(CheckId.SCHEMA, sentence, hint, RestartService("migrate"))
    return ok(CheckId.SCHEMA, "The database has every table that this version needs.")
