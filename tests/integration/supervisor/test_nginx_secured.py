"""The real Nginx as the package runs it: with TLS, on sockets that another process opened."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import httpx
import pytest

from appliance.core.process import as_account, environment
from appliance.core.python import module_environment
from appliance.core.settings import Settings
from appliance.probes.model import ProbeState
from appliance.tls.model import facts_of
from appliance.tls.published import AUTHORITY, read_published
from appliance.tls.web_server import served_fingerprint
from appliance.units.directories import owned_directory
from appliance.units.nginx import SERVED, nginx
from tests.builders.served_certificates import keep_own
from tests.integration.supervisor.sites import site

PROGRAM = Path("/usr/sbin/nginx")
HOSTS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
# What systemd does with the sockets, and then what the launcher of units does with the unit.
LAUNCH = """
import asyncio, os, sys
from pathlib import Path
from appliance.core.settings import from_environment
from appliance.units.nginx import nginx

passed = [int(word) for word in sys.argv[2:]]
for number, descriptor in enumerate(passed, 3):
    os.dup2(descriptor, number)
os.environ["LISTEN_FDS"] = str(len(passed))
os.environ["LISTEN_PID"] = str(os.getpid())
unit = nginx(from_environment(), Path(sys.argv[1]))
asyncio.run(unit.prepare())
os.execve(unit.command[0], unit.command, unit.environment)
"""


@dataclass
class Opened:
    """Listening sockets in the order in which systemd would pass them."""

    sockets: list[socket.socket]
    plain: int
    secured: int


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Open a lower and a higher port on each loopback address that this machine has."""
    with ExitStack() as stack:
        found: list[socket.socket] = []
        ports: list[int] = []
        for family, host in HOSTS:
            with suppress(OSError):
                pair = [
                    stack.enter_context(socket.create_server((host, port), family=family))
                    for port in ports or (0, 0)
                ]
                ports = ports or sorted(one.getsockname()[1] for one in pair)
                found += pair
        yield Opened(found, *ports)


@pytest.fixture
def packaged(settings: Settings) -> Settings:
    owned_directory(settings.home, settings.account)
    owned_directory(settings.run / "nginx", settings.account)
    keep_own(settings, "box.test")
    return replace(settings, packaged=True, host="box.test")


@dataclass
class Started:
    """A running Nginx and what it says."""

    process: asyncio.subprocess.Process

    async def kill(self) -> str:
        """End it and its workers at once, and return what it wrote."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        assert self.process.stderr is not None
        written = await self.process.stderr.read()
        await self.process.wait()
        return written.decode()


@asynccontextmanager
async def launched(settings: Settings, opened: Opened) -> AsyncIterator[Started]:
    """Start Nginx and wait until its health socket answers."""
    with ExitStack() as stack:
        descriptors = [fcntl.fcntl(one, fcntl.F_DUPFD, 100) for one in opened.sockets]
        for descriptor in descriptors:
            stack.callback(os.close, descriptor)
        command = (sys.executable, "-c", LAUNCH, str(PROGRAM), *map(str, descriptors))
        process = await asyncio.create_subprocess_exec(
            *as_account(command, settings.account),
            env=environment({**settings.as_environment(), **module_environment()}),
            pass_fds=descriptors,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    started = Started(process)
    try:
        await healthy(settings, process)
        yield started
    finally:
        await started.kill()


async def healthy(settings: Settings, process: asyncio.subprocess.Process) -> None:
    probe = nginx(settings, PROGRAM).probe
    assert probe is not None
    async with asyncio.timeout(30):
        while (await probe.read()).state is not ProbeState.OK:
            assert process.returncode is None, await Started(process).kill()
            await asyncio.sleep(0.02)


def trusting(settings: Settings) -> ssl.SSLContext:
    """Return what a client checks that knows the machine's root alone, as strictly as it can."""
    context = ssl.create_default_context(cafile=settings.certificates / AUTHORITY)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.fixture
async def started(packaged: Settings, opened: Opened) -> AsyncIterator[Started]:
    async with launched(packaged, opened) as started:
        yield started


@pytest.fixture
async def client(packaged: Settings, started: Started) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=trusting(packaged), trust_env=False) as client:
        yield client


async def test_every_address_serves_with_a_certificate_that_can_be_verified(
    packaged: Settings, opened: Opened, client: httpx.AsyncClient
) -> None:
    hosts = {one.getsockname()[0] for one in opened.sockets}
    async with site("chat", packaged.chat_socket(1)):
        for host in ("localhost", *(f"[{one}]" if ":" in one else one for one in hosts)):
            answer = await client.get(f"https://{host}:{opened.secured}/library")
            assert answer.json()["site"] == "chat"
            assert "Strict-Transport-Security" not in answer.headers
        named = await client.get(
            f"https://127.0.0.1:{opened.secured}/",
            headers={"Host": "box.test"},
            extensions={"sni_hostname": "box.test"},
        )
        seen = named.json()["headers"]
    assert seen["Host"] == seen["X-Forwarded-Host"] == "box.test"
    assert seen["X-Forwarded-Proto"] == "https"
    assert seen["X-Real-IP"] == "127.0.0.1"


async def test_a_client_that_does_not_know_the_certificate_refuses_it(
    opened: Opened, started: Started
) -> None:
    async with httpx.AsyncClient(trust_env=False) as stranger:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.get(f"https://localhost:{opened.secured}/")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("box.test", "box.test"),
        ("BOX.test:80", "box.test"),
        ("10.0.0.7", "10.0.0.7"),
        ("[fd00::7]:80", "[fd00::7]"),
    ],
)
async def test_the_plain_port_only_sends_people_on(
    opened: Opened, client: httpx.AsyncClient, host: str, expected: str
) -> None:
    for path in ("/library?page=2", "/health/proxy", "/metrics"):
        url = f"http://127.0.0.1:{opened.plain}{path}"
        answer = await client.post(url, headers={"Host": host}, content=b"x" * 2_000_000)
        assert answer.status_code == 301
        assert answer.headers["Location"] == f"https://{expected}:{opened.secured}{path}"


async def test_a_client_that_names_no_host_is_sent_to_the_machine_s_name(
    opened: Opened, started: Started
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", opened.plain)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert f"Location: https://box.test:{opened.secured}/\r\n".encode() in answer


async def test_a_host_that_is_no_host_is_refused(opened: Opened, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"http://127.0.0.1:{opened.plain}/", headers={"Host": "evil/x"})
    assert answer.status_code == 400


async def test_an_older_client_gets_no_weaker_session(
    packaged: Settings, opened: Opened, started: Started
) -> None:
    context = trusting(packaged)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    _, writer = await asyncio.open_connection("localhost", opened.secured, ssl=context)
    connection = writer.get_extra_info("ssl_object")
    cipher, session = connection.cipher()[0], connection.session
    writer.close()
    await writer.wait_closed()
    assert cipher.startswith("ECDHE-ECDSA-")
    assert "GCM" in cipher or "CHACHA20" in cipher
    assert not session.has_ticket
    assert session.id


async def test_a_stream_is_upgraded_over_tls(
    packaged: Settings, opened: Opened, started: Started
) -> None:
    address = f"https://localhost:{opened.secured}"
    async with (
        site("chat", packaged.chat_socket(1)),
        aiohttp.ClientSession(address) as client,
        client.ws_connect("/ws/1/stream", ssl=trusting(packaged)) as stream,
    ):
        assert await stream.receive_str() == "hello from chat"


async def test_the_health_socket_serves_the_same_as_tls(
    packaged: Settings, started: Started
) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(packaged.nginx_health_socket))
    async with (
        site("console", packaged.console_socket),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as inside,
    ):
        assert (await inside.get("/health/proxy")).status_code == 204
        assert (await inside.get("/admin/units")).json()["site"] == "console"
        assert (await inside.get("/")).status_code == 503


async def test_the_supervisor_can_read_what_the_browser_shows(
    packaged: Settings, opened: Opened, started: Started
) -> None:
    shown = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", opened.secured))
    published = read_published(packaged.certificates).served
    assert published is not None
    assert facts_of(published.pair.certificate).fingerprint == facts_of(shown.encode()).fingerprint
    seen = await served_fingerprint(packaged.nginx_tls_socket)
    assert seen == facts_of(shown.encode()).fingerprint


async def test_it_starts_again_after_a_kill_with_the_same_certificate(
    packaged: Settings, opened: Opened
) -> None:
    async with launched(packaged, opened) as first:
        written = await first.kill()
        assert packaged.nginx_health_socket.exists()
        assert packaged.nginx_tls_socket.exists()
    before = (packaged.tls / SERVED).read_bytes()
    async with launched(packaged, opened):
        assert (packaged.tls / SERVED).read_bytes() == before
    assert "using inherited sockets" in written
    assert "[warn]" not in written
    assert "[emerg]" not in written


async def test_only_chosen_names_are_served_and_sent_on(packaged: Settings, opened: Opened) -> None:
    chosen = replace(packaged, host_names=("cloister.test",))
    secured, plain = (f"https://127.0.0.1:{opened.secured}", f"http://127.0.0.1:{opened.plain}")
    async with (
        launched(chosen, opened),
        site("chat", packaged.chat_socket(1)),
        httpx.AsyncClient(verify=False, trust_env=False) as client,  # noqa: S501
    ):
        for host, served, redirected in (
            ("cloister.test", 200, 301),
            ("box.test", 200, 301),
            ("127.0.0.1", 200, 301),
            ("evil.test", 421, 421),
        ):
            named = {"Host": host}
            assert (await client.get(f"{secured}/", headers=named)).status_code == served
            assert (await client.get(f"{plain}/", headers=named)).status_code == redirected


async def test_a_proxy_passes_tls_on_with_the_client_s_address(
    packaged: Settings, opened: Opened
) -> None:
    chosen = replace(packaged, trusted_proxy=("127.0.0.1",), proxy_protocol=True)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with launched(chosen, opened), site("chat", packaged.chat_socket(1)):
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.secured)
        writer.write(b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 443\r\n")
        await writer.start_tls(context)
        writer.write(b"GET / HTTP/1.1\r\nHost: box.test\r\nConnection: close\r\n\r\n")
        answer = (await asyncio.wait_for(reader.read(), 30)).decode()
        writer.close()
    assert '"X-Real-IP": "203.0.113.7"' in answer
    assert '"X-Forwarded-Proto": "https"' in answer
