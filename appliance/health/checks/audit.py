"""Is the audit still what was written into it?"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from appliance.audit.report import Report, read_report
from appliance.audit.words import advice_of, verdict_of
from appliance.core.clock import Clock
from appliance.health.model import Check, CheckId, CheckResult, failed, ok, warning
from appliance.health.remedies import RunCommand, StartJob
from appliance.jobs.kinds import AUDIT
from appliance.web.formats import duration

# A nightly job that was missed once is no fault yet.
VERIFIED_WITHIN = timedelta(hours=50)


def audit_check(state: Path, clock: Clock, *, limit: float) -> Check:
    """Return the check; it reads what the latest verification found, and never the database."""

    async def answer() -> CheckResult:
        return evaluate_audit(await asyncio.to_thread(read_report, state), clock.now())

    return Check(CheckId.AUDIT, answer, limit)


def evaluate_audit(report: Report | None, now: datetime) -> CheckResult:
    """Say what the latest verification means. Pure."""
    if report is None:
        return ok(CheckId.AUDIT, "The audit has not been verified yet; that is done every night.")
    if report.finding is not None:
        remedy = RunCommand("cloister audit verify")
        return failed(CheckId.AUDIT, verdict_of(report), advice_of(report.finding), remedy)
    if (age := now - report.at) > VERIFIED_WITHIN:
        sentence = f"The audit was last verified {duration(age.total_seconds())} ago."
        hint = f"The job “{AUDIT.title}” does it every night; its log says why it did not."
        return warning(CheckId.AUDIT, sentence, hint, StartJob(AUDIT.name))
    return ok(CheckId.AUDIT, verdict_of(report))
