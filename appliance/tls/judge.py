"""Let Nginx itself read a certificate and its key, before it serves them."""

from __future__ import annotations

import asyncio
import tempfile
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from appliance.core.process import run
from appliance.tls.errors import NginxRefusesError

_SECONDS = 20.0


async def require_usable(program: Path, pem: Path) -> None:
    """Raise NginxRefusesError, in its own words, unless Nginx can serve this file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configuration = folder / "nginx.conf"
        await asyncio.to_thread(configuration.write_text, _configuration(folder, pem))
        command = (str(program), "-e", "stderr", "-p", name, "-c", str(configuration), "-t", "-q")
        finished = await run(command, timeout=_SECONDS)
    if not finished.succeeded:
        lines = finished.stderr.decode("utf-8", "replace").strip().splitlines()
        raise NginxRefusesError(problem=lines[0] if lines else finished.description)


def _configuration(folder: Path, pem: Path) -> str:
    template = resources.files("appliance.tls").joinpath("judge.conf.j2").read_text()
    # The output is no HTML, and nothing in it comes from a request.
    environment = Environment(undefined=StrictUndefined)  # noqa: S701
    return environment.from_string(template).render(folder=folder, pem=pem)
