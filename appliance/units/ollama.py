"""The model runner, kept off the network and to itself."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

from appliance.core.files import keep_written
from appliance.core.settings import Settings
from appliance.core.variables import GENERATION_SLOTS
from appliance.probes.http import HttpProbe
from appliance.units.directories import give_to, prepare_directories
from appliance.units.model import Unit

LOADED_MODELS = 2
QUEUE = 64
PROMPT_CACHE_MEBIBYTES = 512


def ollama(settings: Settings, program: Path, port: int) -> Unit:
    """Return the unit of our own model runner on a private loopback port."""
    address = f"127.0.0.1:{port}"
    return Unit(
        name="ollama",
        log_format="ollama",
        description="Model runner (Ollama)",
        command=(str(program), "serve"),
        probe=_probe(settings, address),
        directory=settings.home,
        environment=environment_of(settings, address),
        account=settings.account,
        prepare=partial(_prepare, settings),
        stop_grace=10.0,
        behind_proxy=settings.packaged,
        # It looks for graphics processors first, which may take half a minute.
        start_deadline=120.0,
        variables=(GENERATION_SLOTS.name,),
    )


def _probe(settings: Settings, address: str) -> HttpProbe:
    """Ask on its port, or on the socket that leads into its network when it has one of its own."""
    if settings.packaged:
        socket = Path(settings.runner_address.removeprefix("unix://"))
        return HttpProbe("http://localhost/api/version", socket=socket)
    return HttpProbe(f"http://{address}/api/version")


def environment_of(settings: Settings, address: str) -> dict[str, str]:
    """Return the runner's whole configuration; proxies of ours are not passed on."""
    return {
        "HOME": str(settings.models),
        "OLLAMA_HOST": address,
        "OLLAMA_MODELS": str(settings.models / "models"),
        # It would ask its maker's servers for news and for remote models.
        "OLLAMA_NO_CLOUD": "1",
        # A start never deletes files of a model that is being fetched.
        "OLLAMA_NOPRUNE": "1",
        # A chat model and an embedding model side by side, kept in memory while in use.
        "OLLAMA_MAX_LOADED_MODELS": str(LOADED_MODELS),
        "OLLAMA_KEEP_ALIVE": "30m",
        "OLLAMA_NUM_PARALLEL": str(settings.generation_slots),
        "OLLAMA_MAX_QUEUE": str(QUEUE),
        "OLLAMA_CONTEXT_LENGTH": str(settings.context_tokens),
        "OLLAMA_LOAD_TIMEOUT": "10m",
        # Each runner would otherwise keep up to 8 GiB of earlier prompts.
        "LLAMA_ARG_CACHE_RAM": str(PROMPT_CACHE_MEBIBYTES),
    }


async def _prepare(settings: Settings) -> None:
    configuration = settings.models / ".ollama"
    await prepare_directories(settings, settings.models, settings.models / "models", configuration)
    await asyncio.to_thread(_switch_cloud_off, configuration, settings.account)


def _switch_cloud_off(configuration: Path, account: str | None) -> None:
    """Say a second time, in its own file, that it may not reach its maker's servers."""
    path = configuration / "server.json"
    keep_written(path, json.dumps({"disable_ollama_cloud": True}).encode())
    give_to(path, account)
