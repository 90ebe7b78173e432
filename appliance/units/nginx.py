"""The web server in front: one address for the chat and the console."""

from __future__ import annotations

import asyncio
import signal
from functools import partial
from http import HTTPStatus
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from appliance.core.files import write_atomically
from appliance.core.process import Command, run
from appliance.core.settings import Settings
from appliance.probes.http import HttpProbe
from appliance.units.directories import give_to, prepare_directories
from appliance.units.errors import PreparationError
from appliance.units.model import Unit
from appliance.units.webchat import webchat_name

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound
PROBE_PATH = "/health/proxy"


def nginx(settings: Settings, program: Path) -> Unit:
    """Return the unit of Nginx. It starts without the chat, to show that the rest is coming."""
    workers = range(1, settings.chat_processes + 1)
    host = bracketed(ANY_ADDRESS.get(settings.bind, settings.bind))
    url = f"http://{host}:{settings.port}{PROBE_PATH}"
    return Unit(
        name="nginx",
        description="Web server (Nginx)",
        command=command(settings, program),
        probe=HttpProbe(url, expected=HTTPStatus.NO_CONTENT),
        directory=settings.home,
        environment={"HOME": str(settings.home)},
        account=settings.account,
        fronts=tuple(webchat_name(worker) for worker in workers),
        prepare=partial(_prepare, settings, program),
        # Graceful: requests end first, as long as worker_shutdown_timeout allows.
        stop_signal=signal.SIGQUIT,
        stop_grace=10.0,
    )


def folder(settings: Settings) -> Path:
    """Return the folder of Nginx's configuration and temporary files."""
    return settings.run / "nginx"


def command(settings: Settings, program: Path, *options: str) -> Command:
    """Return the command line; errors go to standard error from the very beginning."""
    configuration = str(folder(settings) / "nginx.conf")
    prefix = str(folder(settings))
    return (str(program), "-e", "stderr", "-p", prefix, "-c", configuration, *options)


def configuration(settings: Settings, *, user: str | None = None) -> str:
    """Return nginx.conf. `user` is whom the workers become when the master stays root."""
    template = resources.files("appliance.units").joinpath("configs/nginx.conf.j2").read_text()
    # The output is no HTML, and nothing in it comes from a request.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    workers = range(1, settings.chat_processes + 1)
    return environment.from_string(template).render(
        folder=folder(settings),
        user=user,
        listen=f"{bracketed(settings.bind)}:{settings.port}",
        chat_sockets={worker: settings.chat_socket(worker) for worker in workers},
        console_socket=settings.console_socket,
        probe_path=PROBE_PATH,
    )


def bracketed(host: str) -> str:
    """Return a host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


async def _prepare(settings: Settings, program: Path) -> None:
    """Write the configuration and let Nginx itself judge it before it replaces anything."""
    await prepare_directories(settings, folder(settings))
    await asyncio.to_thread(_write_configuration, settings)
    finished = await run(
        command(settings, program, "-t", "-q"), timeout=20.0, account=settings.account
    )
    if not finished.succeeded:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines()
        problem = lines[0] if lines else finished.description
        raise PreparationError(unit="nginx", problem=problem)


def _write_configuration(settings: Settings) -> None:
    # As root without an account, Nginx would drop its workers to one that may not enter the home.
    user = None if settings.account else "root"
    path = folder(settings) / "nginx.conf"
    write_atomically(path, configuration(settings, user=user).encode())
    give_to(path, settings.account)
