"""Probes answer, whatever happens."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from aiohttp import web

from appliance.db.queries import Queries
from appliance.probes.disk import DiskProbe
from appliance.probes.http import HttpProbe, Identity
from appliance.probes.memory import MemoryProbe
from appliance.probes.model import Answer, ProbeState, measured
from appliance.probes.process import alive, facts, members, standing_in
from appliance.probes.sql import SqlProbe


async def test_silence_is_a_failed_reading() -> None:
    async def ask() -> Answer:
        await asyncio.sleep(60)
        return Answer(ProbeState.OK, "never")

    reading = await measured(ask, limit=0.05)
    assert reading.state is ProbeState.FAILED
    assert reading.sentence == "no answer within 0.05 s"
    assert reading.took_seconds > 0


async def test_an_error_is_a_failed_reading() -> None:
    async def ask() -> Answer:
        raise ValueError("odd")

    assert (await measured(ask, limit=1)).sentence == "ValueError: odd"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, ProbeState.OK),
        (503, ProbeState.NOT_READY),
        (500, ProbeState.FAILED),
        (302, ProbeState.FAILED),
    ],
)
async def test_a_web_server_on_a_socket(tmp_path: Path, status: int, state: ProbeState) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    application = web.Application()
    application.router.add_get("/health", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    socket = tmp_path / "s"
    await web.UnixSite(runner, str(socket)).start()
    assert (await HttpProbe("http://x/health", socket=socket).read()).state is state
    await runner.cleanup()


@pytest.mark.parametrize("header", [None, "another"])
async def test_another_server_on_the_address_is_no_answer(
    tmp_path: Path, header: str | None
) -> None:
    headers = {"X-Identity": header} if header else {}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=200, headers=headers)

    application = web.Application()
    application.router.add_get("/health", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    socket, file = tmp_path / "s", tmp_path / "identity"
    await web.UnixSite(runner, str(socket)).start()
    probe = HttpProbe("http://x/health", socket=socket, identity=Identity("X-Identity", file))
    assert (await probe.read()).state is ProbeState.FAILED, "there is no identity yet"
    file.write_text("ours\n")
    result = await probe.read()
    assert result.state is ProbeState.FAILED
    assert result.sentence == "another server answers on its address"
    headers["X-Identity"] = "ours"
    assert (await probe.read()).state is ProbeState.OK
    await runner.cleanup()


async def test_a_web_server_that_is_not_there_yet(tmp_path: Path) -> None:
    reading = await HttpProbe("http://x/health", socket=tmp_path / "s").read()
    assert reading.state is ProbeState.FAILED
    assert "does not accept connections" in reading.sentence


async def test_a_web_server_that_hangs_up() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reading = await HttpProbe(f"http://127.0.0.1:{port}/").read()
    assert reading.state is ProbeState.FAILED
    server.close()
    await server.wait_closed()


async def test_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    reading = await SqlProbe(tmp_path, "cloister", Queries("appliance.probes")).read()
    assert reading.state is ProbeState.FAILED
    assert "\n" not in reading.sentence


async def test_room_on_the_disk(tmp_path: Path) -> None:
    assert (await DiskProbe(tmp_path, least_share=0.0).read()).state is ProbeState.OK
    assert (await DiskProbe(tmp_path, least_share=1.0).read()).state is ProbeState.FAILED
    assert (await DiskProbe(tmp_path / "none").read()).state is ProbeState.FAILED


async def test_memory(tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:  1024000 kB\nMemAvailable:  307200 kB\n")
    reading = await MemoryProbe(source=file).read()
    assert reading.state is ProbeState.OK
    assert reading.sentence == "0.3 GiB (30%) available"
    assert reading.taken == pytest.approx(0.7)
    assert (await MemoryProbe(0.30, file).read()).state is ProbeState.FAILED
    assert (await MemoryProbe().read()).sentence.endswith("available")


def test_a_process_is_known_by_number_and_start_time() -> None:
    own = facts(os.getpid())
    assert own is not None
    assert alive(own.pid, own.start_time)
    assert not alive(own.pid, own.start_time + 1)
    assert own.pid in {member.pid for member in members(own.group)}
    assert own.pid in standing_in(Path.cwd(), own.name)
    assert facts(2**22 + 1) is None
