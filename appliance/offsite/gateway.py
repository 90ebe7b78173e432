"""Show a repository to restic, as a REST server that changes nothing there.

restic writes locks also where it only reads: they are kept in memory, for as long as the gateway
runs. https://restic.readthedocs.io/en/stable/REST_backend.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.offsite.places.place import CONFIG_FILE, Readable, RepositoryFile
from appliance.repository.damage import FOLDERS, FileKind
from appliance.repository.files import LOCKS
from appliance.repository.place import MODELS

logger = logging.getLogger(__name__)

_V1, _V2 = "application/vnd.x.restic.rest.v1", "application/vnd.x.restic.rest.v2"
_KINDS = "|".join(FOLDERS)
_NAME = "[0-9a-f]{64}"
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")
_MOST_LOCKS, _LARGEST_LOCK = 64, 64 * 1024
_SOCKET_MODE = 0o660
# Open requests end with the server.
_GRACE_SECONDS = 1.0


@dataclass(slots=True)
class Gateway:
    """Answers for one repository; `asked_at` is when it was last asked for something.

    `models` answers for the repository that lies inside this one.
    """

    place: Readable
    clock: Clock
    asked_at: float
    models: Gateway | None = None
    _sizes: dict[RepositoryFile, int] = field(default_factory=dict)
    _locks: dict[str, bytes] = field(default_factory=dict)

    def application(self, path: str) -> web.Application:
        """Return what a server serves; `path` begins and ends with a slash."""
        app = web.Application(middlewares=[self._answer_errors], client_max_size=_LARGEST_LOCK)
        app.add_routes(self.routes(path))
        if self.models is not None:
            app.add_routes(self.models.routes(f"{path}{MODELS}/"))
        return app

    def routes(self, path: str) -> list[web.RouteDef]:
        """Return what it answers below a path."""
        file = f"{path}{{kind:{_KINDS}}}/{{name:{_NAME}}}"
        lock = f"{path}{LOCKS}/{{name:{_NAME}}}"
        return [
            # Each answers HEAD as well.
            web.get(f"{path}config", self._file),
            web.get(file, self._file),
            web.get(f"{path}{{kind:{_KINDS}}}/", self._list),
            web.get(f"{path}{LOCKS}/", self._list_locks),
            web.get(lock, self._lock),
            web.post(lock, self._add_lock),
            web.delete(lock, self._remove_lock),
        ]

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked_at = self.clock.monotonic()
        try:
            return await handler(request)
        except ApplianceError as error:
            logger.warning("target %s", error.message)
            raise web.HTTPBadGateway(text=error.message) from error
        finally:
            self.asked_at = self.clock.monotonic()

    async def _list(self, request: web.Request) -> web.Response:
        kind = FileKind(request.match_info["kind"])
        sizes = await self.place.sizes(kind)
        self._sizes.update({RepositoryFile(kind, name): size for name, size in sizes.items()})
        return _listing(request, sizes)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        found = request.match_info
        file = RepositoryFile(FileKind(found["kind"]), found["name"]) if found else CONFIG_FILE
        # Files are never changed: a size that is known stays true.
        size = self._sizes.get(file)
        if size is None:
            size = await self.place.size(file)
        if size is None:
            raise web.HTTPNotFound
        self._sizes[file] = size
        start, length = _part(request, size)
        response = web.StreamResponse(status=206 if length < size else 200)
        response.content_type, response.content_length = "application/octet-stream", length
        if length < size:
            response.headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
        if request.method == "HEAD" or not length:
            await response.prepare(request)
            return response
        async for block in self.place.read(file, start, length):
            if not response.prepared:
                await response.prepare(request)
            await response.write(block)
            self.asked_at = self.clock.monotonic()
        return response

    async def _list_locks(self, request: web.Request) -> web.Response:
        return _listing(request, {name: len(lock) for name, lock in self._locks.items()})

    async def _lock(self, request: web.Request) -> web.Response:
        lock = self._locks.get(request.match_info["name"])
        if lock is None:
            raise web.HTTPNotFound
        return web.Response(body=lock, content_type="application/octet-stream")

    async def _add_lock(self, request: web.Request) -> web.Response:
        if len(self._locks) >= _MOST_LOCKS:
            raise web.HTTPInsufficientStorage
        self._locks[request.match_info["name"]] = await request.read()
        return web.Response()

    async def _remove_lock(self, request: web.Request) -> web.Response:
        self._locks.pop(request.match_info["name"], None)
        return web.Response()


@asynccontextmanager
async def served(gateway: Gateway, path: Path | None) -> AsyncIterator[str]:
    """Serve on a unix socket, or on a port of loopback below a path that is secret.

    Lends the address in restic's words.
    """
    prefix = "/" if path else f"/{secrets.token_urlsafe(24)}/"
    runner = web.AppRunner(
        gateway.application(prefix), access_log=None, shutdown_timeout=_GRACE_SECONDS
    )
    await runner.setup()
    try:
        if path:
            await web.UnixSite(runner, str(path)).start()
            await asyncio.to_thread(path.chmod, _SOCKET_MODE)
            yield f"rest:http+unix://{path}:/"
        else:
            listener = socket.create_server(("127.0.0.1", 0))
            await web.SockSite(runner, listener).start()
            yield f"rest:http://127.0.0.1:{listener.getsockname()[1]}{prefix}"
    finally:
        await runner.cleanup()
        if path:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(path.unlink, missing_ok=True)


def _listing(request: web.Request, sizes: dict[str, int]) -> web.Response:
    if _V2 in request.headers.get("Accept", ""):
        entries = [{"name": name, "size": size} for name, size in sizes.items()]
        return _json(entries, _V2)
    return _json(list(sizes), _V1)


def _json(found: object, kind: str) -> web.Response:
    # restic compares the whole header, which must not name a character set.
    return web.Response(body=json.dumps(found).encode(), headers={"Content-Type": kind})


def _part(request: web.Request, size: int) -> tuple[int, int]:
    """Return where the part that is asked for begins, and how long it is."""
    if (asked := request.headers.get("Range")) is None:
        return 0, size
    found = _RANGE.fullmatch(asked)
    start = int(found[1]) if found else size
    last = int(found[2]) if found and found[2] else size - 1
    if start >= size or last < start:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    return start, min(last, size - 1) - start + 1
