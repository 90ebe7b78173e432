"""Queue the renewal of the certificate when the machine has another name or address."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from typing_extensions import override

from appliance.jobs.errors import JobRunningError
from appliance.jobs.kinds import CERTIFICATE
from appliance.jobs.service import ITSELF, JobService
from appliance.schedule.looking import Looking
from appliance.tls.service import Certificates

# Short: until then people get a warning at an address that is new.
_EVERY_SECONDS = 5.0


@dataclass(slots=True)
class CertificateSchedule(Looking):
    """Looks every few seconds at the names of the machine. Use it as a context manager.

    The nightly job renews what ends; this queues it at once for other names. It queues it once for
    the same names: where the renewal fails, the job of the next night tries again.
    """

    name = "schedule of the certificate"
    every_seconds = _EVERY_SECONDS

    jobs: JobService
    certificates: Certificates
    _queued_for: tuple[str, ...] | None = None

    @property
    @override
    def is_needed(self) -> bool:
        """Only where people connect over TLS."""
        return self.certificates.settings.https

    @override
    async def look(self) -> None:
        """Queue the renewal if it is due. Raises DatabaseUnavailableError."""
        names = await self.certificates.names()
        if names == self._queued_for or not await self.certificates.is_due():
            return
        with contextlib.suppress(JobRunningError):
            await self.jobs.enqueue(CERTIFICATE.name, requested_by=ITSELF)
        self._queued_for = names
