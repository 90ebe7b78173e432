"""A fake of Ollama: the shapes of its HTTP interface, without models.

In tests: `async with running_fake(Behaviour(...)) as fake:` and `fake.address`. As a program, in
the place of the real one: `OLLAMA_HOST=127.0.0.1:11434 python -m tests.fakes.ollama serve`; other
processes then set it over `POST /fake/behaviour` and look at `GET /fake/state`. The variable
FAKE_OLLAMA_BEHAVIOUR may hold the first behaviour as JSON; in the folder OLLAMA_MODELS, if that is
set, are the models that were pulled. Needs aiohttp and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from tests.fakes.ollama_behaviour import (
    DEFAULT_MODELS,
    Behaviour,
    FakeModel,
    FakeOllama,
    Fault,
    JsonObject,
    Request,
    full_name,
)
from tests.fakes.ollama_generation import Generation, RefusedError, read_body, refuse
from tests.fakes.ollama_pull import Pulling, manifest_path, models_in

__all__ = [
    "DEFAULT_MODELS",
    "Behaviour",
    "FakeModel",
    "FakeOllama",
    "Fault",
    "Request",
    "running_fake",
]

MODIFIED_AT = "2026-01-01T12:00:00.123456789+01:00"
FOREVER = "2319-01-01T12:00:00.123456789+01:00"
DEFAULT_HOST = "127.0.0.1:11434"
GRACE_SECONDS = 0.1

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Catalogue:
    """The endpoints about models rather than with them, for one fake."""

    def __init__(self, fake: FakeOllama) -> None:
        self._fake = fake

    async def greet(self, _: web.Request) -> web.Response:
        """GET /."""
        return web.Response(text="Ollama is running")

    async def version(self, _: web.Request) -> web.Response:
        """GET /api/version."""
        await asyncio.sleep(self._fake.behaviour.lookup_delay)
        return web.json_response({"version": self._fake.behaviour.version})

    async def status(self, _: web.Request) -> web.Response:
        """GET /api/status."""
        return web.json_response({"cloud": {"disabled": True, "source": "env"}})

    async def tags(self, _: web.Request) -> web.Response:
        """GET /api/tags."""
        await asyncio.sleep(self._fake.behaviour.lookup_delay)
        return web.json_response({"models": [self._entry(m) for m in self._fake.models.values()]})

    async def processes(self, _: web.Request) -> web.Response:
        """GET /api/ps."""
        entries = [
            {
                "name": name,
                "model": name,
                "size": loaded.model.size * 2,
                "digest": loaded.model.digest,
                "details": loaded.model.details(),
                "expires_at": FOREVER,
                "size_vram": 0,
                "context_length": loaded.context_length,
            }
            for name, loaded in self._fake.loaded.items()
        ]
        return web.json_response({"models": entries})

    async def show(self, request: web.Request) -> web.Response:
        """POST /api/show."""
        model = self._model((await read_body(request)).get("model") or "", "model '{}' not found")
        facts: JsonObject = {
            "general.architecture": model.family,
            f"{model.family}.context_length": model.context_length,
            f"{model.family}.embedding_length": model.dimensions,
        }
        if "embedding" in model.capabilities:
            facts[f"{model.family}.pooling_type"] = 1
        answer: JsonObject = {
            "modelfile": f"FROM {model.name}",
            "template": "{{ .Prompt }}",
            "details": model.details(),
            "model_info": facts,
            "modified_at": MODIFIED_AT,
        }
        if self._fake.behaviour.lists_capabilities:
            answer["capabilities"] = list(model.capabilities)
        if model.remote_host:
            answer["remote_host"] = model.remote_host
        return web.json_response(answer)

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /api/delete. A loaded model stays loaded, as with the real one."""
        model = self._model((await read_body(request)).get("model") or "", "model '{}' not found")
        del self._fake.models[model.name]
        if self._fake.folder is not None:
            manifest_path(self._fake.folder, model.name).unlink(missing_ok=True)
        return web.Response()

    def _model(self, name: str, missing: str) -> FakeModel:
        if not name:
            refuse(HTTPStatus.BAD_REQUEST, "model is required")
        model = self._fake.models.get(full_name(name))
        if model is None:
            refuse(HTTPStatus.NOT_FOUND, missing.format(name))
        return model

    def _entry(self, model: FakeModel) -> JsonObject:
        entry: JsonObject = {
            "name": model.name,
            "model": model.name,
            "modified_at": MODIFIED_AT,
            "size": model.size,
            "digest": model.digest,
            "details": model.details(),
        }
        if self._fake.behaviour.lists_capabilities:
            entry["capabilities"] = list(model.capabilities)
            entry["details"] |= {
                "context_length": model.context_length,
                "embedding_length": model.dimensions,
            }
        if model.remote_host:
            entry["remote_host"] = model.remote_host
        return entry


class Remote:
    """The fake's own endpoints, for tests in another process."""

    def __init__(self, fake: FakeOllama) -> None:
        self._fake = fake

    async def behave(self, request: web.Request) -> web.Response:
        """POST /fake/behaviour: set the named fields, keep the others."""
        try:
            await self._fake.behave(await request.json())
        except (KeyError, ValueError) as error:
            return web.Response(text=f"no such behaviour: {error}", status=HTTPStatus.BAD_REQUEST)
        return web.json_response(self._fake.state()["behaviour"])

    async def reset(self, _: web.Request) -> web.Response:
        """DELETE /fake/behaviour: back to the defaults."""
        self._fake.behaviour = Behaviour()
        await self._fake.behave({})
        return web.json_response(self._fake.state()["behaviour"])

    async def state(self, _: web.Request) -> web.Response:
        """GET /fake/state."""
        return web.json_response(self._fake.state())


def fake_application(fake: FakeOllama) -> web.Application:
    """Return the fake as a web application."""

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/fake/"):
            return await handler(request)
        fake.requests.append(await recorded(request))
        if fake.folder is not None:
            # As the real one does, it looks each time: files may be put there while it runs.
            fake.models.update(await asyncio.to_thread(models_in, fake.folder))
        if request.path.startswith("/api/") and fake.behaviour.strikes(Fault.NOT_JSON):
            return web.Response(text="<html>Welcome!</html>", content_type="text/html")
        try:
            return await handler(request)
        except (asyncio.CancelledError, ConnectionResetError):
            fake.aborted += 1
            raise
        except RefusedError as refused:
            return refused.response()
        except web.HTTPNotFound:
            return web.Response(text="404 page not found", status=HTTPStatus.NOT_FOUND)
        except web.HTTPMethodNotAllowed:
            text = "405 method not allowed"
            return web.Response(text=text, status=HTTPStatus.METHOD_NOT_ALLOWED)

    catalogue, generation, remote = Catalogue(fake), Generation(fake), Remote(fake)
    app = web.Application(middlewares=[observe], client_max_size=64 * 1024 * 1024)
    app.add_routes(
        [
            web.get("/", catalogue.greet),
            web.get("/api/version", catalogue.version),
            web.get("/api/status", catalogue.status),
            web.get("/api/tags", catalogue.tags),
            web.get("/api/ps", catalogue.processes),
            web.post("/api/show", catalogue.show),
            web.post("/api/pull", Pulling(fake).pull),
            web.delete("/api/delete", catalogue.delete),
            web.post("/api/chat", generation.chat),
            web.post("/api/generate", generation.generate),
            web.post("/api/embed", generation.embed),
            web.post("/fake/behaviour", remote.behave),
            web.delete("/fake/behaviour", remote.reset),
            web.get("/fake/state", remote.state),
        ]
    )
    return app


async def recorded(request: web.Request) -> Request:
    """Keep what came in; a body that is no JSON object is kept as none."""
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        body = {}
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, request.path, headers, body if isinstance(body, dict) else {})


@asynccontextmanager
async def running_fake(
    behaviour: Behaviour | None = None,
    *,
    host: str = "127.0.0.1:0",
    folder: Path | None = None,
) -> AsyncIterator[FakeOllama]:
    """Run a fake at `host:port` or `unix:///path`; its `address` says where.

    With a folder it keeps the models that it pulls there, as the real one does.
    """
    fake = FakeOllama(behaviour or Behaviour(), folder=folder)
    # Without handler_cancellation aiohttp would let a handler run on after its client has left.
    runner = web.AppRunner(
        fake_application(fake),
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=GRACE_SECONDS,
    )
    await runner.setup()
    try:
        fake.address = await listen(runner, host)
        yield fake
    finally:
        await runner.cleanup()


async def listen(runner: web.AppRunner, host: str) -> str:
    """Listen where OLLAMA_HOST says, and return the address with the real port."""
    if host.startswith("unix://"):
        await web.UnixSite(runner, host.removeprefix("unix://")).start()
        return host
    name, _, port = host.removeprefix("http://").rstrip("/").rpartition(":")
    site = web.TCPSite(runner, name or "127.0.0.1", int(port))
    await site.start()
    bound: tuple[str, int] = runner.addresses[-1]
    return f"http://{bound[0]}:{bound[1]}"


async def serve(host: str, behaviour: Behaviour, folder: Path | None) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running_fake(behaviour, host=host, folder=folder) as fake:
        sys.stdout.write(f"Listening on {fake.address} (version {behaviour.version})\n")
        sys.stdout.flush()
        await stop.wait()


def main(arguments: list[str]) -> int:
    """Understand what the supervisor says to the real program: `serve` and `--version`."""
    behaviour = Behaviour()
    behaviour.change(json.loads(os.environ.get("FAKE_OLLAMA_BEHAVIOUR", "{}")))
    match arguments:
        case ["serve"]:
            models = os.environ.get("OLLAMA_MODELS")
            folder = Path(models) if models else None
            asyncio.run(serve(os.environ.get("OLLAMA_HOST") or DEFAULT_HOST, behaviour, folder))
        case ["--version" | "-v"]:
            sys.stdout.write(f"ollama version is {behaviour.version}\n")
        case _:
            sys.stderr.write("usage: ollama serve | --version\n")
            return os.EX_USAGE
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
