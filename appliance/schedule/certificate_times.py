"""Queue the renewal of the certificate when the machine has another name or address."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import Self

from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError
from appliance.jobs.errors import JobRunningError
from appliance.jobs.kinds import CERTIFICATE
from appliance.jobs.service import ITSELF, JobService
from appliance.tls.service import Certificates

logger = logging.getLogger(__name__)

# Short: until then people get a warning at an address that is new.
_EVERY_SECONDS = 5.0


@dataclass(slots=True)
class CertificateSchedule:
    """Looks every few seconds at the names of the machine. Use it as a context manager.

    The nightly job renews what ends; this queues it at once for other names. It queues it once for
    the same names: where the renewal fails, the job of the next night tries again.
    """

    clock: Clock
    jobs: JobService
    certificates: Certificates
    _queued_for: tuple[str, ...] | None = None
    _fault: str = ""
    _task: asyncio.Task[None] | None = field(default=None)

    async def __aenter__(self) -> Self:
        if self.certificates.settings.https:
            self._task = asyncio.create_task(self._run(), name="schedule of the certificate")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        """Look without end; no failure ends the task."""
        while True:
            try:
                await self.look()
                self._fault = ""
            except DatabaseUnavailableError:
                # The overview says so; what is due stays due.
                pass
            except Exception as error:  # noqa: BLE001 - the next look may succeed
                if repr(error) != self._fault:
                    logger.warning("the schedule of the certificate: %r", error)
                self._fault = repr(error)
            await self.clock.sleep(_EVERY_SECONDS)

    async def look(self) -> None:
        """Queue the renewal if it is due. Raises DatabaseUnavailableError."""
        names = await self.certificates.names()
        if names == self._queued_for or not await self.certificates.is_due():
            return
        with contextlib.suppress(JobRunningError):
            await self.jobs.enqueue(CERTIFICATE.name, requested_by=ITSELF)
        self._queued_for = names
