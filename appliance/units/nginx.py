"""The web server in front: one address for the chat and the console."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import socket
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from appliance.core.files import write_atomically
from appliance.core.process import Command, run
from appliance.core.python import OWN_CODE
from appliance.core.settings import Settings
from appliance.core.variables import CHAT_PROCESSES, HOST, HOST_NAMES, HSTS_DAYS
from appliance.probes.http import HttpProbe, Identity
from appliance.units.directories import give_to, prepare_directories
from appliance.units.errors import NoCertificateError, PreparationError
from appliance.units.identity import HEADER, ensure_identity
from appliance.units.model import Unit
from appliance.units.socket_activation import Listeners, bracketed, inherited, listeners
from appliance.units.webchat import webchat_name

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
PROBE_PATH = "/health/proxy"
# In the folder `tls`: the certificate with its chain and its key, in one file, so that both change
# in one step. `appliance.tls` writes it.
SERVED = "served.pem"
DAY_SECONDS = 24 * 60 * 60
# Of one address at a time: requests in all, and bodies for the console, which wait in memory (a
# megabyte each). Bodies for the chat server are counted there, by account.
MOST_REQUESTS = 2000
MOST_WAITING_BODIES = 200
# How long running requests may take to end when it stops.
STOP_GRACE = 2.0
# In earlier versions it was a parameter of `listen`, of which later versions warn.
HTTP2_DIRECTIVE_SINCE = (1, 25, 1)


@dataclass(frozen=True, slots=True)
class Secured:
    """How Nginx listens with TLS: packaged on sockets of systemd, in a clone on its own.

    The addresses of `redirecting` have no TLS: they lead people to `serving`, whose port is
    `port_suffix` unless it is the usual one, and answer the challenges of an ACME server.
    """

    serving: tuple[str, ...]
    redirecting: tuple[str, ...] = ()
    port_suffix: str = ""
    http2: bool = False

    @classmethod
    def on(cls, listeners: Listeners, *, http2: bool = False) -> Secured:
        """Return how it listens on sockets that it was given."""
        return cls(listeners.serving, listeners.redirecting, listeners.port_suffix, http2)

    @classmethod
    def of_clone(cls, settings: Settings, *, http2: bool = False) -> Secured:
        """Return how it listens on addresses that it opens itself."""
        plain = (_address(settings, settings.plain_port),) if settings.plain_port else ()
        return cls((_address(settings, settings.port),), plain, f":{settings.port}", http2)


def _address(settings: Settings, port: int) -> str:
    return f"{bracketed(settings.bind)}:{port}"


def nginx(settings: Settings, program: Path) -> Unit:
    """Return the unit of Nginx. It starts without the chat, to show that the rest is coming.

    Packaged, the sockets that this process inherited are its own. The supervisor has none, and
    needs none: it asks the unit for its health and leaves the start to `cloister launch`.
    """
    workers = range(1, settings.chat_processes + 1)
    given = listeners(inherited()) if settings.packaged else Listeners()
    secured = partial(_prepare_packaged, settings, program, given)
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
        # Graceful: requests end first. Streams would go on for longer; they are resumed.
        stop_signal=signal.SIGQUIT,
        stop_grace=STOP_GRACE,
        last_signal=signal.SIGTERM,
        # Its configuration is written by us, for the code that it passes requests to.
        program_files=(OWN_CODE,),
        variables=(CHAT_PROCESSES.name, HOST.name, HOST_NAMES.name, HSTS_DAYS.name),
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
    to begin with a proxy's line, a list of host names does not have the one that a probe uses, and
    no probe can know the certificate in advance.
    """
    return settings.https or settings.proxy_protocol or bool(settings.host_names)


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
        listen=_address(settings, settings.port),
        secured=secured,
        certificate=settings.tls / SERVED,
        tls_socket=settings.nginx_tls_socket,
        challenges=settings.acme_challenges,
        hsts_seconds=settings.hsts_days * DAY_SECONDS,
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


def has_http2_directive(version: str) -> bool:
    """Say whether an Nginx that reports this version switches HTTP/2 on by a line of its own."""
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", version)
    return found is not None and tuple(map(int, found.groups())) >= HTTP2_DIRECTIVE_SINCE


def _server_name(host: str) -> str:
    """Return where a client is redirected to that names no host itself, as only old ones do."""
    return host if re.fullmatch(r"[A-Za-z0-9.-]+", host) else "localhost"


async def _prepare(settings: Settings, program: Path) -> None:
    """Write the configuration and let Nginx itself judge it before it starts."""
    secured = None
    if settings.https:
        await asyncio.to_thread(_require_certificate, settings)
        secured = Secured.of_clone(settings, http2=await _has_http2_directive(program))
    await prepare_directories(settings, settings.nginx_folder)
    await asyncio.to_thread(_write_configuration, settings, secured)
    finished = await run(
        command(settings, program, "-t", "-q"), timeout=20.0, account=settings.account
    )
    if not finished.succeeded:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines()
        problem = lines[0] if lines else finished.description
        raise PreparationError(unit="nginx", problem=problem)
    # Judging opens the sockets, and leaves their files.
    await asyncio.to_thread(_remove_sockets, settings)
    for port in filter(None, (settings.port, settings.plain_port)):
        await asyncio.to_thread(_require_free_port, settings.bind, port)


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


def _require_certificate(settings: Settings) -> None:
    """Say in advance what Nginx would say of a file that is not there."""
    path = settings.tls / SERVED
    if not path.exists():
        problem = f"{path}, the certificate with its key, is missing"
        raise NoCertificateError(unit="nginx", problem=problem)


async def _prepare_packaged(settings: Settings, program: Path, given: Listeners) -> None:
    """Write the configuration.

    Nginx cannot judge it beforehand: to do that it opens every address again, which in a network
    of its own, without the inherited sockets, it may not. It says what is wrong when it starts.
    """
    if not given.all:
        problem = "systemd passed it no sockets; start cloister-nginx.socket first"
        raise PreparationError(unit="nginx", problem=problem)
    await asyncio.to_thread(_require_certificate, settings)
    secured = Secured.on(given, http2=await _has_http2_directive(program))
    await asyncio.to_thread(_write_configuration, settings, secured)


async def _has_http2_directive(program: Path) -> bool:
    reported = await run((str(program), "-v"), timeout=20.0)
    return has_http2_directive(reported.stderr.decode("utf-8", "replace"))


def _write_configuration(settings: Settings, secured: Secured | None) -> None:
    # As root without an account, Nginx would drop its workers to one that may not enter the home.
    as_root = settings.account is None and os.geteuid() == 0
    identity = ensure_identity(identity_file(settings))
    give_to(identity_file(settings), settings.account)
    _remove_sockets(settings)
    path = settings.nginx_folder / "nginx.conf"
    text = configuration(settings, identity, user="root" if as_root else None, secured=secured)
    write_atomically(path, text.encode())
    give_to(path, settings.account)


def _remove_sockets(settings: Settings) -> None:
    """Remove what a killed Nginx has left: nothing can listen at a path that exists."""
    for path in (settings.nginx_health_socket, settings.nginx_tls_socket):
        path.unlink(missing_ok=True)
