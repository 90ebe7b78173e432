"""What the supervisor's own kinds of jobs do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from appliance.audit.report import write_report
from appliance.audit.service import AuditLog
from appliance.audit.verification import Verifier
from appliance.audit.words import verdict_of
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.ingest.vector_index import build_missing
from appliance.jobs.engine import Work
from appliance.jobs.kinds import AUDIT, CERTIFICATE, SETUP_CHECK, SWEEP, VECTOR_INDEX
from appliance.jobs.record import JobRecord
from appliance.jobs.service import JobService
from appliance.settings.model import AUDIT_DAYS, JOB_DAYS
from appliance.settings.service import OperatorSettings
from appliance.setup.check import SetupCheck
from appliance.tls.service import Certificates


@dataclass(frozen=True, slots=True)
class SupervisorWorks:
    """The works of `Process.SUPERVISOR`, with what they need of the rest of the process.

    `sweep` removes expired sessions and codes and returns how many; `check` is the check of the
    set-up.
    """

    settings: Settings
    clock: Clock
    jobs: JobService
    chosen: OperatorSettings
    audit: AuditLog
    verifier: Verifier
    sweep: Callable[[], Awaitable[int]]
    certificates: Certificates
    check: SetupCheck

    def table(self) -> Mapping[str, Work]:
        """Return the work of each kind that this installation has."""
        works: dict[str, Work] = {
            SWEEP.name: self.clean_up,
            VECTOR_INDEX.name: self.index_vectors,
            AUDIT.name: self.verify_audit,
            SETUP_CHECK.name: self.check.run,
        }
        if self.settings.https:
            works[CERTIFICATE.name] = self.renew_certificate
        return works

    async def clean_up(self, record: JobRecord) -> str:
        """Remove what has expired, and old records of jobs."""
        expired = await self.sweep()
        await self.check.remove_leftovers(self.clock.now() - SETUP_CHECK.deadline)
        await record.progress(f"{expired} expired sessions and codes are removed.", 1, 2, log=True)
        kept = timedelta(days=(await self.chosen.get(JOB_DAYS.name)).number)
        old = await self.jobs.forget(kept)
        return f"Removed {expired} expired sessions and codes, and {old} old records of jobs."

    async def index_vectors(self, record: JobRecord) -> str:
        """Build the indexes of vectors that a restore has left out, as their owner."""
        return await build_missing(record)

    async def verify_audit(self, record: JobRecord) -> str:
        """Verify the audit, keep what was found for the check of the machine, and remove old rows.

        In this order: a fault is found before the entry that has it is removed for its age.
        """
        report = await self.verifier.verify()
        await asyncio.to_thread(write_report, self.settings.state, report)
        days = (await self.chosen.get(AUDIT_DAYS.name)).number
        removed = await self.audit.prune(days) if days else 0
        if removed:
            await record.log(f"{removed} entries are older than {days} days, and were removed.")
        return verdict_of(report)

    async def renew_certificate(self, _: JobRecord) -> str:
        """Make another certificate of the machine's own authority, if one is due."""
        if not await self.certificates.ensure():
            return "The certificate need not be renewed."
        return "The web server serves a new certificate, which has another fingerprint."
