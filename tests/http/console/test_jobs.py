"""The pages of jobs: what runs, how far it is, starting and cancelling; and the same as JSON."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup

from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from appliance.jobs.model import JobState
from appliance.jobs.record import JobRecord
from appliance.jobs.service import JobService
from appliance.jobs.store import JobStore
from tests.http.console.conftest import ConsoleBrowser, EventReader


@pytest.fixture
def jobs(database: Database) -> JobService:
    return JobService(database, SystemClock())


async def begun(jobs: JobService, database: Database, kind: str = "sweep") -> JobRecord:
    """Let a job of a kind run, as an engine does."""
    clock = SystemClock()
    await jobs.enqueue(kind, requested_by="schedule")
    async with database.connection() as connection:
        deadline = clock.now() + timedelta(minutes=5)
        job = await JobStore(connection).claim(kind, now=clock.now(), deadline=deadline)
    assert job is not None
    return JobRecord(job, database, clock)


async def test_no_job_yet(as_olga: ConsoleBrowser) -> None:
    page = await as_olga.text("/admin/jobs")
    assert "No job has run yet" in page
    assert "Never ran" in page
    # The clone has no certificate to renew.
    assert "Renew the certificate" not in page


async def test_jobs_are_listed_and_shown_with_their_log(
    as_olga: ConsoleBrowser, jobs: JobService, database: Database
) -> None:
    record = await begun(jobs, database)
    await record.progress("half of it <done>", 1, 2, log=True)
    assert f'href="/admin/jobs/{record.job.id}"' in await as_olga.text("/admin/jobs")
    page = await as_olga.text(f"/admin/jobs/{record.job.id}")
    shown = BeautifulSoup(page, "html.parser")
    progress = shown.select_one("progress")
    assert progress is not None
    assert (progress["value"], progress["max"]) == ("1", "2")
    assert "half of it <done>" in shown.select_one("#job-log").text  # type: ignore[union-attr]
    assert "sse-connect" in page
    await record.end(JobState.FAILED, "The disk was full.")
    page = await as_olga.text(f"/admin/jobs/{record.job.id}")
    assert "The disk was full." in page
    assert "sse-connect" not in page
    assert "Cancel the job" not in page


async def test_an_operator_starts_a_kind_once(as_olga: ConsoleBrowser, jobs: JobService) -> None:
    answer = await as_olga.post("/admin/jobs", {"kind": "sweep"})
    [job] = await jobs.jobs()
    assert (answer.status, answer.headers["Location"]) == (303, f"/admin/jobs/{job.id}")
    assert (job.state, job.requested_by) == (JobState.QUEUED, "olga")
    page = BeautifulSoup(await as_olga.text("/admin/jobs"), "html.parser")
    assert page.select('#kind-embed button[name="kind"]')
    assert not page.select('#kind-sweep button[name="kind"]')
    for kind in ("sweep", "model_fetch", "nonsense", ""):
        answer = await as_olga.post("/admin/jobs", {"kind": kind})
        assert (answer.status, answer.headers["Location"]) == (303, "/admin/jobs")
    assert len(await jobs.jobs()) == 1


async def test_a_job_is_cancelled_after_a_question(
    as_olga: ConsoleBrowser, jobs: JobService, database: Database
) -> None:
    record = await begun(jobs, database)
    path = f"/admin/jobs/{record.job.id}"
    page = BeautifulSoup(await as_olga.text(path), "html.parser")
    [form] = page.select(f'[role=dialog] form[action="{path}/cancel"]')
    assert form.select_one("h2").text == "Cancel this job?"  # type: ignore[union-attr]
    answer = await as_olga.post(f"{path}/cancel")
    assert (answer.status, answer.headers["Location"]) == (303, path)
    page = BeautifulSoup(await as_olga.text(path), "html.parser")
    assert "It is being cancelled." in page.text
    assert not page.select("[role=dialog] form")
    await record.end(JobState.CANCELLED, "It was cancelled.")
    answer = await as_olga.post(f"{path}/cancel")
    assert answer.headers["Location"] == "/admin/jobs"


async def test_a_list_of_one_kind(
    as_olga: ConsoleBrowser, jobs: JobService, database: Database
) -> None:
    sweep = await begun(jobs, database)
    embed = await begun(jobs, database, "embed")
    page = BeautifulSoup(await as_olga.text("/admin/jobs?kind=embed"), "html.parser")
    assert page.find(id=f"job-{embed.job.id}")
    assert not page.find(id=f"job-{sweep.job.id}")
    assert page.find(id=f"job-{sweep.job.id}") is None
    page = BeautifulSoup(await as_olga.text("/admin/jobs?kind=nonsense"), "html.parser")
    assert page.find(id=f"job-{sweep.job.id}")


async def test_an_unknown_job_is_not_found(as_olga: ConsoleBrowser) -> None:
    for path in (f"/admin/jobs/{uuid4()}", f"/admin/jobs/{uuid4()}/events", "/admin/jobs/x"):
        assert (await as_olga.get(path)).status == 404


async def test_htmx_gets_jobs_in_part(
    as_olga: ConsoleBrowser, jobs: JobService, database: Database
) -> None:
    record = await begun(jobs, database)
    for path in ("/admin/jobs", f"/admin/jobs/{record.job.id}"):
        answer = await as_olga.get(path, headers={"HX-Request": "true"})
        text = await answer.text()
        assert "running" in text
        assert "<html" not in text


async def test_jobs_are_pushed(
    as_olga: ConsoleBrowser, jobs: JobService, database: Database
) -> None:
    record = await begun(jobs, database)
    async with (
        as_olga.client.get("/admin/jobs/events") as every,
        as_olga.client.get(f"/admin/jobs/{record.job.id}/events") as one,
    ):
        all_jobs, one_job = EventReader(every), EventReader(one)
        await all_jobs.until("jobs", "running")
        await one_job.until("job", "running")
        await record.progress("Half of it is done.", 1, 2)
        await all_jobs.until("jobs", "Half of it is done.")
        await one_job.until("job", "1 of 2")
        await record.end(JobState.DONE, "Forgot 3 sessions.")
        await all_jobs.until("jobs", "Forgot 3 sessions.")
        await one_job.until("job", "Forgot 3 sessions.")


async def test_programs_get_json(as_olga: ConsoleBrowser, jobs: JobService) -> None:
    answer = await as_olga.post("/admin/api/jobs", {"kind": "sweep"})
    job = await answer.json()
    assert (answer.status, job["kind"], job["state"]) == (202, "sweep", "queued")
    listed = await (await as_olga.get("/admin/api/jobs")).json()
    assert [each["id"] for each in listed["jobs"]] == [job["id"]]
    assert (await (await as_olga.get("/admin/api/jobs?kind=embed")).json()) == {"jobs": []}
    again = await as_olga.post("/admin/api/jobs", {"kind": "sweep"})
    assert (again.status, (await again.json())["error"]["code"]) == (409, "job_running")
    cancelled = await as_olga.post(f"/admin/api/jobs/{job['id']}/cancel")
    assert (await cancelled.json())["state"] == "cancelled"
    shown = await (await as_olga.get(f"/admin/api/jobs/{job['id']}")).json()
    assert (shown["state"], shown["requested_by"]) == ("cancelled", "olga")
    missing = await as_olga.get(f"/admin/api/jobs/{uuid4()}")
    assert (missing.status, (await missing.json())["error"]["code"]) == (404, "not_found")
