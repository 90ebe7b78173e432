"""Does PostgreSQL run a statement?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psycopg.conninfo

from appliance.db.queries import Queries
from appliance.health.model import CheckId, CheckResult, busy, failed, ok
from appliance.health.remedies import ReadLog
from appliance.health.service_words import DATABASE
from appliance.probes.model import ProbeResult, ProbeState
from appliance.probes.sql import SqlProbe

_MOST_NAMED = 5


def database_probe(address: str, *, limit: float) -> SqlProbe:
    """Return a probe that connects as the clients of `address` do."""
    known = psycopg.conninfo.conninfo_to_dict(address)
    socket, role, name = Path(str(known["host"])), str(known["user"]), str(known["dbname"])
    return SqlProbe(socket, role, Queries("appliance.probes"), name, limit)


def evaluate_database(reading: ProbeResult, lost: Sequence[str] = ()) -> CheckResult:
    """Say what the probe's answer means; `lost` names objects that should exist. Pure."""
    match reading.state:
        case ProbeState.OK if lost:
            sentence = f"The database answers, but lacks {', '.join(lost[:_MOST_NAMED])}."
            hint = "`cloister doctor` names all that is missing."
            return failed(CheckId.DATABASE, sentence, hint, ReadLog(DATABASE))
        case ProbeState.OK:
            return ok(CheckId.DATABASE, "The database answers.")
        case ProbeState.NOT_READY | ProbeState.BUSY:
            sentence = f"The database is not ready yet: {reading.sentence}."
            return busy(CheckId.DATABASE, sentence)
        case ProbeState.FAILED:
            sentence = f"The database does not answer: {reading.sentence}."
            hint = "Until it does, people can neither sign in nor ask. Its log may say why."
            return failed(CheckId.DATABASE, sentence, hint, ReadLog(DATABASE))
