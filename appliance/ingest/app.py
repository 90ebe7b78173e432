"""Compose the ingest process: build its parts, run them, stop them in reverse order."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from aiohttp import web

from appliance.core import slow_callbacks
from appliance.core.clock import Clock, SystemClock
from appliance.core.errors import DatabaseUnavailableError
from appliance.core.heartbeat import heartbeat
from appliance.core.memory import giving_memory_back
from appliance.core.sd_notify import Notifier, watchdog_interval
from appliance.core.settings import Settings
from appliance.db.pool import DATABASE, WORK_SECONDS, Database, conninfo
from appliance.ingest.embed import Embedder
from appliance.ingest.extract.catalog import extract
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.isolation import Isolation
from appliance.ingest.pipeline import Pipeline
from appliance.ingest.worker import Worker
from appliance.jobs.engine import JobEngine
from appliance.jobs.kinds import EMBED, KINDS, SCRUB, Process
from appliance.jobs.service import JobService
from appliance.library.blobs import Blobs, Room, SystemDisk
from appliance.library.integrity import Integrity
from appliance.library.orphans import Sweeper
from appliance.library.scrub import Scrubber
from appliance.llm.bulk import EMBEDDING_TURN, BulkEmbedder
from appliance.llm.client import ModelRunner
from appliance.shares.turns import MachineTurn

ROLE = "cloister_ingest"
_HEALTH_DEADLINE = 0.5
# The unit's own limit (TasksMax) is twice as high: a parser that starts threads without end leaves
# this process enough.
_MOST_TASKS = 128


async def run(settings: Settings, *, database_name: str = DATABASE) -> None:
    """Work until cancelled."""
    clock, notifier = SystemClock(), Notifier()
    address = conninfo(settings.database_socket, ROLE, database=database_name)
    blobs = Blobs(settings.documents, Room(settings.upload_limit), SystemDisk())
    instance = f"ingest-{os.getpid()}-{secrets.token_hex(4)}"
    async with (
        heartbeat(settings.ingest_heartbeat),
        giving_memory_back(),
        Database(address, limit=WORK_SECONDS) as database,
        ModelRunner(settings.runner_address) as runner,
        aclosing(MachineTurn(address, EMBEDDING_TURN)) as embedding_turn,
        asyncio.TaskGroup() as tasks,
    ):
        jobs = JobService(database, clock)
        bulk = BulkEmbedder(runner, embedding_turn)
        embedder = Embedder(database, bulk, jobs, clock, has_room=blobs.has_room)
        limits = ParserLimits(tasks=_MOST_TASKS if settings.packaged else None)
        isolation = Isolation(settings.documents, limits)
        pipeline = Pipeline(database, blobs, instance, extract, limits, clock)
        worker = Worker(database, pipeline, instance, clock, when_ready=embedder.wake)
        scrubber = Scrubber(Integrity(database, blobs), clock)
        works = {EMBED.name: embedder.build, SCRUB.name: scrubber.run}
        engine = JobEngine(database, clock, Process.INGEST, KINDS, works)
        async with _health(settings.ingest_socket, worker, isolation), engine:
            tasks.create_task(isolation.examine(), name="ingest-isolation")
            tasks.create_task(Sweeper(database, blobs, clock).run(), name="ingest-sweep")
            tasks.create_task(embedder.run(), name="ingest-embedder")
            tasks.create_task(_watchdog(notifier, clock), name="ingest-watchdog")
            notifier.ready()
            try:
                await worker.run()
            finally:
                notifier.stopping()


async def _watchdog(notifier: Notifier, clock: Clock) -> None:
    interval = watchdog_interval()
    while interval is not None:
        notifier.watchdog()
        await clock.sleep(interval)


@asynccontextmanager
async def _health(socket: Path, worker: Worker, isolation: Isolation) -> AsyncIterator[None]:
    """Answer `GET /health` on a unix socket with 200 while the process serves.

    `GET /parsers` says what its parsers can reach.

    A database that does not answer is not a fault of this process: the answer reports it.
    """

    async def health(_: web.Request) -> web.Response:
        length: int | None
        try:
            async with asyncio.timeout(_HEALTH_DEADLINE):
                length = await worker.queue_length()
        except (DatabaseUnavailableError, TimeoutError):
            length = None
        return web.json_response(
            {
                "status": "healthy",
                "database": length is not None,
                "queue": length,
                "slow_callbacks": slow_callbacks.FOUND.as_json(),
            }
        )

    application = web.Application()
    application.router.add_get("/health", health)
    application.router.add_get("/parsers", isolation.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await asyncio.to_thread(_remove_stale, socket)
    try:
        await web.UnixSite(runner, str(socket)).start()
        yield
    finally:
        await runner.cleanup()


def _remove_stale(socket: Path) -> None:
    """Remove the socket that a killed process left behind."""
    socket.parent.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)
