"""What the job that gets a certificate does, and when it is queued."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from appliance.acme.plan import Ordered
from appliance.acme.service import AcmeService
from appliance.acme.words import sentence_of
from appliance.jobs.engine import Work
from appliance.jobs.errors import JobRunningError
from appliance.jobs.kinds import ACME
from appliance.jobs.record import JobRecord
from appliance.jobs.service import ITSELF, SCHEDULE, JobService
from appliance.schedule.following import JobFollower
from appliance.schedule.looking import Looking

_EVERY_SECONDS = 60.0
# A run that ended without a word, cancelled for example, is not begun again before that.
_PAUSE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class AcmeWorks:
    """The work of the kind `acme`."""

    acme: AcmeService

    def table(self) -> Mapping[str, Work]:
        """Return the work, where people connect over TLS."""
        return {ACME.name: self.get_certificate} if self.acme.settings.https else {}

    async def get_certificate(self, record: JobRecord) -> str:
        """Get the certificate that is due; for a person who asks, one in any case."""
        is_forced = record.job.requested_by not in {SCHEDULE, ITSELF}
        return _result(await self.acme.renew(JobFollower(record), forced=is_forced))


def _result(ordered: Ordered | None) -> str:
    if ordered is None:
        return "The certificate need not be renewed."
    if ordered.validity is None:
        said = "No other certificate is needed for the names that work."
    else:
        end = f"{ordered.validity.not_after:%Y-%m-%d}"
        said = f"The web server serves a certificate for {', '.join(ordered.names)} until {end}."
    return " ".join([said, *map(sentence_of, ordered.failed)])


@dataclass(slots=True)
class AcmeSchedule(Looking):
    """Looks once a minute whether a certificate is due. Use it as a context manager.

    Each look compares the clock with what is kept, and remembers no time to wait for: a clock that
    is set back or forward neither stops renewals nor repeats them.
    """

    name = "schedule of ACME"
    every_seconds = _EVERY_SECONDS

    jobs: JobService
    acme: AcmeService
    _queued_at: float | None = None

    @property
    @override
    def is_needed(self) -> bool:
        """Only where people connect over TLS."""
        return self.acme.settings.https

    @override
    async def look(self) -> None:
        """Queue a run if one is due. Raises DatabaseUnavailableError."""
        if (await self.acme.status()).due is None:
            # What is due next is due for another reason.
            self._queued_at = None
            return
        now = self.clock.monotonic()
        if self._queued_at is not None and now - self._queued_at < _PAUSE_SECONDS:
            return
        with contextlib.suppress(JobRunningError):
            await self.jobs.enqueue(ACME.name, requested_by=ITSELF)
        self._queued_at = now
