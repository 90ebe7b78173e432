"""The renewal of the certificate is queued when the machine has another name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.kinds import CERTIFICATE
from appliance.jobs.service import JobService
from appliance.schedule.certificate_times import CertificateSchedule
from appliance.tls.service import Certificates
from appliance.tls.web_server import WithoutWebServer
from tests.fakes.clock import FakeClock
from tests.integration.tls.parts import certificates


@pytest.fixture
def service(tmp_path: Path) -> Certificates:
    return certificates(Settings(home=tmp_path, with_tls=True, nginx="off"), WithoutWebServer())


async def queued(jobs: JobService) -> int:
    return sum(job.kind == CERTIFICATE.name for job in await jobs.jobs())


async def test_it_is_queued_once_for_the_same_names(
    database: Database, service: Certificates
) -> None:
    jobs = JobService(database, SystemClock())
    schedule = CertificateSchedule(FakeClock(), jobs, service)
    await service.ensure()
    await schedule.look()
    assert await queued(jobs) == 0
    renamed = replace(service, settings=replace(service.settings, host="renamed.example"))
    schedule.certificates = renamed
    for _ in range(3):
        await schedule.look()
    assert await queued(jobs) == 1
    # Another change of the names is another reason, also while that one still waits.
    schedule.certificates = service
    await renamed.ensure()
    await schedule.look()
    assert await queued(jobs) == 1
    async with database.connection() as connection:
        await connection.execute("UPDATE core.job SET state = 'done', finished_at = created_at")
    schedule.certificates = renamed
    await service.ensure()
    await schedule.look()
    assert await queued(jobs) == 2


async def test_without_tls_nothing_is_looked_at(database: Database, service: Certificates) -> None:
    plain = replace(service, settings=replace(service.settings, with_tls=False))
    schedule = CertificateSchedule(FakeClock(), JobService(database, SystemClock()), plain)
    async with schedule:
        assert schedule._task is None
