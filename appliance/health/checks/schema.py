"""Does the database have what the migrations make?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import psycopg

from appliance.core.deadline import abandon_after
from appliance.core.errors import DatabaseUnavailableError
from appliance.db.schema_objects import SchemaState
from appliance.health.model import Check, CheckId, CheckResult, failed, ok, unknown
from appliance.health.remedies import ReadLog, RestartService
from appliance.health.service_words import DATABASE, MIGRATION

AskSchema = Callable[[], Awaitable[SchemaState]]
_MOST_NAMED = 5
_HINT = (
    "Tables were changed by hand, or the database is damaged. Restore the last backup; nothing "
    "that Cloister does by itself brings back what was in them."
)


def schema_check(
    ask_schema: AskSchema,
    is_migrating: Callable[[], Awaitable[bool]],
    *,
    patience: float,
    limit: float,
) -> Check:
    """Return the check; the database has `patience` seconds to answer.

    While `is_migrating` nothing can be said.
    """

    async def asked() -> SchemaState:
        return await ask_schema()

    async def ask() -> CheckResult:
        if await is_migrating():
            return unknown(CheckId.SCHEMA, "The database is being brought up to date.")
        try:
            return evaluate_schema(await abandon_after(patience, asked()))
        except (TimeoutError, DatabaseUnavailableError, psycopg.Error):
            return unknown(CheckId.SCHEMA, "The database does not say which tables it has.")

    return Check(CheckId.SCHEMA, ask, limit)


def evaluate_schema(found: SchemaState) -> CheckResult:
    """Say what migrations that have not run, and objects that are gone, mean. Pure."""
    if found.pending:
        sentence = f"These migrations have not run: {', '.join(found.pending)}."
        hint = "Run them; `cloister logs migrate` says what went wrong."
        return failed(CheckId.SCHEMA, sentence, hint, RestartService(MIGRATION))
    if found.lost:
        named = ", ".join(f"“{each}”" for each in found.lost[:_MOST_NAMED])
        rest = len(found.lost) - _MOST_NAMED
        more = f" and {rest:,} more" if rest > 0 else ""
        sentence = f"The database lacks what this version needs: {named}{more}."
        return failed(CheckId.SCHEMA, sentence, _HINT, ReadLog(DATABASE))
    return ok(CheckId.SCHEMA, "The database has every table that this version needs.")
