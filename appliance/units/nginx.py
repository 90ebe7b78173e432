"""The web server in front: one address for the chat and the console."""

from __future__ import annotations

import asyncio
import errno
import re
import signal
import socket
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from appliance.core.clock import Clock
from appliance.core.files import write_atomically
from appliance.core.process import Command, run
from appliance.core.python import OWN_CODE, written
from appliance.core.settings import CHAT_PROCESSES, HOST, HOST_NAMES, Settings
from appliance.probes.http import HttpProbe, Identity
from appliance.units.directories import give_to, prepare_directories
from appliance.units.errors import PreparationError
from appliance.units.identity import HEADER, ensure_identity
from appliance.units.model import Unit
from appliance.units.socket_activation import Listeners, bracketed, inherited, listeners
from appliance.units.webchat import webchat_name

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
PROBE_PATH = "/health/proxy"
# Of one address at a time: requests in all, and bodies for the console, which wait in memory (a
# megabyte each). Bodies for the chat server are counted there, by account.
MOST_REQUESTS = 2000
MOST_WAITING_BODIES = 200
# In earlier versions it was a parameter of `listen`, of which later versions warn.
HTTP2_DIRECTIVE_SINCE = (1, 25, 1)


@dataclass(frozen=True, slots=True)
class Secured:
    """How Nginx listens when packaged: on sockets of systemd, with TLS."""

    listeners: Listeners
    http2: bool = False


def nginx(settings: Settings, program: Path, clock: Clock) -> Unit:
    """Return the unit of Nginx. It starts without the chat, to show that the rest is coming.

    Packaged, the sockets that this process inherited are its own. The supervisor has none, and
    needs none: it asks the unit for its health and leaves the start to `cloister launch`.
    """
    workers = range(1, settings.chat_processes + 1)
    given = listeners(inherited()) if settings.packaged else Listeners()
    secured = partial(_prepare_secured, settings, program, clock, given)
    return Unit(
        name="nginx",
        log_format="nginx",
        description="Web server (Nginx)",
        command=command(settings, program),
        probe=_probe(settings),
        directory=settings.home,
        environment={"HOME": str(settings.home), **given.environment},
        account=settings.account,
        fronts=tuple(webchat_name(worker) for worker in workers),
        prepare=secured if settings.packaged else partial(_prepare, settings, program),
        # Graceful: requests end first, as long as worker_shutdown_timeout allows.
        stop_signal=signal.SIGQUIT,
        stop_grace=10.0,
        # Its configuration is written by us, for the code that it passes requests to.
        program_files=(OWN_CODE,),
        variables=(CHAT_PROCESSES.name, HOST.name, HOST_NAMES.name),
    )


def _probe(settings: Settings) -> HttpProbe:
    if has_health_socket(settings):
        path, url = settings.nginx_health_socket, f"http://localhost{PROBE_PATH}"
    else:
        host = bracketed(ANY_ADDRESS.get(settings.bind, settings.bind))
        path, url = None, f"http://{host}:{settings.port}{PROBE_PATH}"
    identity = Identity(HEADER, identity_file(settings))
    return HttpProbe(url, socket=path, expected=HTTPStatus.NO_CONTENT, identity=identity)


def has_health_socket(settings: Settings) -> bool:
    """Say whether Nginx has an address for the supervisor alone.

    Packaged, the supervisor has no network. With the PROXY protocol every connection over TCP has
    to begin with a proxy's line, and a list of host names does not have the one that a probe uses.
    """
    return settings.packaged or settings.proxy_protocol or bool(settings.host_names)


def served_names(settings: Settings) -> tuple[str, ...]:
    """Return the host names that are served: all, if there are none.

    The machine's own checks use a loopback address, and links the name of the settings.
    """
    if not settings.host_names:
        return ()
    own = settings.host if settings.packaged else bracketed(settings.bind)
    return tuple(dict.fromkeys((*settings.host_names, own, *LOOPBACK)))


def identity_file(settings: Settings) -> Path:
    """Return the file of the web server's identity; only its readers can ask it for its health."""
    return settings.nginx_folder / "identity"


def command(settings: Settings, program: Path, *options: str) -> Command:
    """Return the command line; errors go to standard error from the very beginning."""
    folder = settings.nginx_folder
    configuration = str(folder / "nginx.conf")
    return (str(program), "-e", "stderr", "-p", str(folder), "-c", configuration, *options)


def configuration(
    settings: Settings,
    identity: str,
    *,
    user: str | None = None,
    secured: Secured | None = None,
) -> str:
    """Return nginx.conf. `user` is the workers' account when the master stays root."""
    template = resources.files("appliance.units").joinpath("configs/nginx.conf.j2").read_text()
    # The output is no HTML, and nothing in it comes from a request.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    workers = range(1, settings.chat_processes + 1)
    return environment.from_string(template).render(
        folder=settings.nginx_folder,
        user=user,
        listen=f"{bracketed(settings.bind)}:{settings.port}",
        secured=secured,
        tls=settings.tls,
        host=_server_name(settings.host),
        health_socket=settings.nginx_health_socket if has_health_socket(settings) else None,
        trusted_proxies=settings.trusted_proxy,
        proxy_protocol=settings.proxy_protocol,
        served_names=served_names(settings),
        chat_sockets={worker: settings.chat_socket(worker) for worker in workers},
        console_socket=settings.console_socket,
        probe_path=PROBE_PATH,
        identity_header=HEADER,
        identity=identity,
        most_requests=MOST_REQUESTS,
        most_waiting_bodies=MOST_WAITING_BODIES,
    )


def published_certificate(settings: Settings) -> Path:
    """Return a copy of the certificate that the supervisor may read, unlike the folder of the key.

    For `appliance.units.certificate.fingerprint`, which people compare with their browser's.
    """
    return settings.nginx_folder / "certificate.pem"


def certificate_is_due(settings: Settings, clock: Clock) -> bool:
    """Say whether a start of Nginx now would renew the certificate that it serves.

    An administrator's own is never due, and before the first start there is none.
    """
    from appliance.units.certificate import is_due

    now = clock.now()
    try:
        pem = published_certificate(settings).read_bytes()
        return now >= written() and is_due(pem, settings.host, now)
    except (FileNotFoundError, ValueError):
        return False


def has_http2_directive(version: str) -> bool:
    """Say whether an Nginx that reports this version switches HTTP/2 on by a line of its own."""
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", version)
    return found is not None and tuple(map(int, found.groups())) >= HTTP2_DIRECTIVE_SINCE


def _server_name(host: str) -> str:
    """Return where a client is redirected to that names no host itself, as only old ones do."""
    return host if re.fullmatch(r"[A-Za-z0-9.-]+", host) else "localhost"


async def _prepare(settings: Settings, program: Path) -> None:
    """Write the configuration and let Nginx itself judge it before it starts."""
    await prepare_directories(settings, settings.nginx_folder)
    await asyncio.to_thread(_write_configuration, settings)
    finished = await run(
        command(settings, program, "-t", "-q"), timeout=20.0, account=settings.account
    )
    if not finished.succeeded:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines()
        problem = lines[0] if lines else finished.description
        raise PreparationError(unit="nginx", problem=problem)
    # Judging opens the socket, and leaves its file.
    await asyncio.to_thread(settings.nginx_health_socket.unlink, missing_ok=True)
    await asyncio.to_thread(_require_free_port, settings.bind, settings.port)


def _require_free_port(host: str, port: int) -> None:
    """Try the address: Nginx forgives a taken one when it judges its configuration."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        # What else is wrong with the address Nginx says itself.
        if error.errno == errno.EADDRINUSE:
            problem = f"another program listens on {bracketed(host)}:{port}"
            raise PreparationError(unit="nginx", problem=problem) from error


async def _prepare_secured(
    settings: Settings, program: Path, clock: Clock, given: Listeners
) -> None:
    """Have a certificate and write the configuration.

    Nginx cannot judge it beforehand: to do that it opens every address again, which in a network
    of its own, without the inherited sockets, it may not. It says what is wrong when it starts.
    """
    if not given.all:
        problem = "systemd passed it no sockets; start cloister-nginx.socket first"
        raise PreparationError(unit="nginx", problem=problem)
    reported = await run((str(program), "-v"), timeout=20.0)
    http2 = has_http2_directive(reported.stderr.decode("utf-8", "replace"))
    await asyncio.to_thread(_write_secured, settings, clock, Secured(given, http2))


def _write_secured(settings: Settings, clock: Clock, secured: Secured) -> None:
    # Loaded here, because the supervisor and the command line list this unit and never start it.
    from appliance.units.certificate import ensure_certificate

    certificate = ensure_certificate(settings.tls, settings.host, clock, earliest=written())
    write_atomically(published_certificate(settings), certificate, mode=0o640)
    identity = ensure_identity(identity_file(settings))
    text = configuration(settings, identity, secured=secured)
    write_atomically(settings.nginx_folder / "nginx.conf", text.encode())
    # After a kill its file is still there, and nothing can listen at a path that exists.
    settings.nginx_health_socket.unlink(missing_ok=True)


def _write_configuration(settings: Settings) -> None:
    # As root without an account, Nginx would drop its workers to one that may not enter the home.
    user = None if settings.account else "root"
    identity = ensure_identity(identity_file(settings))
    give_to(identity_file(settings), settings.account)
    # After a kill its file is still there, and nothing can listen at a path that exists.
    settings.nginx_health_socket.unlink(missing_ok=True)
    path = settings.nginx_folder / "nginx.conf"
    write_atomically(path, configuration(settings, identity, user=user).encode())
    give_to(path, settings.account)
