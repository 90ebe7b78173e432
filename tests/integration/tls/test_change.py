"""A change of the certificate under the real Nginx: streams, roll-back, and what forbids it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.core.settings import Settings
from appliance.tls.errors import NotServedError
from appliance.tls.model import KeyKind, Origin, Problem, facts_of
from appliance.tls.published import AUTHORITY
from appliance.tls.service import Certificates
from appliance.tls.upload import Upload
from appliance.tls.web_server import served_fingerprint
from appliance.trial.errors import TrialRunningError
from appliance.trial.model import LASTS
from tests.builders.served_certificates import answer_to, uploaded
from tests.fakes.clock import FakeClock
from tests.integration.supervisor.parts import until
from tests.integration.supervisor.sites import served
from tests.integration.tls.parts import Front, certificates, front

STREAMS = 50
ROOT = CommandLine()


async def _echo(request: web.Request) -> web.WebSocketResponse:
    stream = web.WebSocketResponse()
    await stream.prepare(request)
    async for message in stream:
        await stream.send_str(message.data)
    return stream


@asynccontextmanager
async def streams(settings: Settings) -> AsyncIterator[list[aiohttp.ClientWebSocketResponse]]:
    """Open many streams through Nginx over TLS, as a client that trusts the machine's root."""
    application = web.Application()
    application.router.add_get("/ws/1/{tail:.*}", _echo)
    context = await asyncio.to_thread(
        ssl.create_default_context, cafile=settings.certificates / AUTHORITY
    )
    address = f"https://localhost:{settings.port}"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(served(application, settings.chat_socket(1)))
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        client = await stack.enter_async_context(
            aiohttp.ClientSession(address, connector=connector)
        )
        yield [
            await stack.enter_async_context(client.ws_connect(f"/ws/1/{number}"))
            for number in range(STREAMS)
        ]


async def answers(stream: aiohttp.ClientWebSocketResponse, word: str) -> bool:
    await stream.send_str(word)
    return await stream.receive_str() == word


async def kept(service: Certificates) -> str:
    """Return the fingerprint of what is kept."""
    stored = (await service.published()).served
    assert stored is not None
    return facts_of(stored.pair.certificate).fingerprint


async def test_a_change_loses_no_stream(settings: Settings) -> None:
    async with front(settings) as machine, streams(settings) as opened:
        assert all([await answers(stream, "before") for stream in opened])
        before = await served_fingerprint(settings.nginx_tls_socket)
        change = await machine.certificates.use_own(ROOT)
        assert change.changed
        assert await machine.certificates.confirm(ROOT) is not None
        after = await served_fingerprint(settings.nginx_tls_socket)
        assert after == await kept(machine.certificates) != before
        assert all([await answers(stream, "after") for stream in opened])


async def test_streams_do_not_hold_up_a_stop(settings: Settings) -> None:
    async with front(settings) as machine, streams(settings) as opened:
        await machine.supervisor.stop("nginx", "a test")
        for stream in opened:
            assert (await stream.receive()).type in {
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.ERROR,
            }
        await until(lambda: machine.supervisor.view("nginx").pid is None)
        log = "\n".join(machine.supervisor.lines("nginx", 50))
        assert "killed" not in log


async def run_trials(machine: Front, clock: FakeClock) -> None:
    """Let the time of a trial pass without a confirmation."""
    task = asyncio.create_task(machine.certificates.trials.run())
    clock.advance(LASTS.total_seconds())
    await until(lambda: machine.certificates.trials.current() is None)
    task.cancel()
    await asyncio.wait({task})


async def test_without_a_confirmation_the_certificate_before_it_is_served_again(
    settings: Settings,
) -> None:
    clock = FakeClock()
    async with front(settings, clock) as machine:
        before = await kept(machine.certificates)
        foreign = uploaded("box.example")
        upload = Upload(foreign.chain_pem, foreign.key_pem)
        change = await machine.certificates.use(ROOT, upload)
        assert change.changed
        assert change.trial is not None
        assert await machine.certificates.served() == facts_of(foreign.pem).fingerprint
        await run_trials(machine, clock)
        assert await machine.certificates.served() == await kept(machine.certificates) == before
        previous = (await machine.certificates.published()).previous
        assert previous is not None
        assert facts_of(previous.pair.certificate).fingerprint == facts_of(foreign.pem).fingerprint


async def test_a_confirmed_certificate_stays_and_can_be_rolled_back(settings: Settings) -> None:
    clock = FakeClock()
    async with front(settings, clock) as machine:
        before = await kept(machine.certificates)
        await machine.certificates.use_own(ROOT)
        with pytest.raises(TrialRunningError):
            await machine.certificates.use_own(ROOT)
        assert await machine.certificates.confirm(ROOT) is not None
        assert await machine.certificates.confirm(ROOT) is None
        await machine.certificates.roll_back(ROOT)
        assert await machine.certificates.served() == before
        # The roll-back itself is on trial, and ends at once on request.
        await machine.certificates.roll_back(ROOT)
        assert await machine.certificates.served() == await kept(machine.certificates) != before


async def test_a_key_that_is_garbage_is_refused_before_anything_changes(settings: Settings) -> None:
    async with front(settings) as machine:
        before = await kept(machine.certificates)
        one, other = uploaded("box.example"), uploaded("box.example")
        change = await machine.certificates.use(ROOT, Upload(one.chain_pem, other.key_pem))
        assert not change.changed
        assert Problem.KEY_MISMATCH in {finding.problem for finding in change.findings}
        assert machine.certificates.trials.current() is None
        assert await machine.certificates.served() == await kept(machine.certificates) == before


async def test_a_certificate_that_nginx_does_not_serve_is_rolled_back(settings: Settings) -> None:
    class Deaf:
        """A web server that goes on with what it has."""

        async def take_over(self, fingerprint: str, by: str) -> bool:
            return False

        async def served(self) -> str | None:
            return None

    async with front(settings) as machine:
        before = await kept(machine.certificates)
        with pytest.raises(NotServedError):
            await certificates(settings, Deaf()).use_own(ROOT)
        assert await kept(machine.certificates) == before
        assert await machine.certificates.served() == before


async def test_a_request_is_answered_with_the_key_that_waits(settings: Settings) -> None:
    async with front(settings) as machine:
        request = await machine.certificates.request(ROOT, KeyKind.ECDSA_P256, ["box.example"])
        published = await machine.certificates.published()
        assert list(published.requests.values()) == [request]
        answer = answer_to(request)
        change = await machine.certificates.answer(ROOT, Upload(answer))
        assert change.changed, change.findings
        assert await machine.certificates.served() == facts_of(answer).fingerprint
        published = await machine.certificates.published()
        assert published.served is not None
        assert published.served.origin is Origin.REQUESTED
        assert not published.requests


@pytest.mark.parametrize("wrong", ["-tls1", "-tls1_1"])
async def test_old_versions_of_tls_are_refused(settings: Settings, wrong: str) -> None:
    async with front(settings):
        assert "Cipher is (NONE)" in await connected(settings, wrong, "-cipher", "ALL:@SECLEVEL=0")
        assert "TLSv1.3" in await connected(settings)
        assert "TLSv1.2" in await connected(settings, "-tls1_2")


@pytest.mark.parametrize(
    "weak",
    ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "NULL", "aNULL", "PSK"],
)
async def test_weak_ciphers_are_refused(settings: Settings, weak: str) -> None:
    async with front(settings):
        said = await connected(settings, "-tls1_2", "-cipher", f"{weak}:@SECLEVEL=0")
        assert "Cipher is (NONE)" in said


async def connected(settings: Settings, *options: str) -> str:
    """Return what `openssl s_client` says of a connection."""
    process = await asyncio.create_subprocess_exec(
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{settings.port}",
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return said.decode(errors="replace")
