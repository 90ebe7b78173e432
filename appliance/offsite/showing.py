"""Serve the copy at a target to restic on this machine, until the operation is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web

from appliance.core.clock import Clock
from appliance.core.files import private_directory, write_atomically
from appliance.core.settings import Settings
from appliance.offsite.errors import TargetEmptyError
from appliance.offsite.gateway import Gateway
from appliance.offsite.model import Target
from appliance.offsite.places.opening import opened
from appliance.offsite.places.place import CONFIG_FILE
from appliance.offsite.serving import address_file
from appliance.operations.model import Facts, Progress
from appliance.operations.work import Reporter
from appliance.repository.place import models_address

_SOCKET_MODE, _ADDRESS_MODE = 0o660, 0o640
# An asker that was killed asks for nothing. A drill asks for nothing while it fills its database.
_IDLE_SECONDS = 4 * 3600.0
_LOOK_SECONDS = 60.0
# Open requests end with the operation.
_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Showing:
    """Shows one target. Packaged, restic knows unix sockets; of a clone's this is not certain."""

    settings: Settings
    clock: Clock
    target: Target
    report: Reporter

    async def run(self) -> Facts:
        """Serve until the work is cancelled, or was not used for hours. Raises TargetEmptyError."""
        path = address_file(self.settings.run, self.target.number)
        if not self.settings.packaged:
            await asyncio.to_thread(private_directory, path.parent)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        async with (
            opened(self.target) as place,
            opened(replace(self.target, place=models_address(self.target.place))) as models,
        ):
            if await place.size(CONFIG_FILE) is None:
                raise TargetEmptyError(place=self.target.place)
            now = self.clock.monotonic()
            gateway = Gateway(place, self.clock, now, Gateway(models, self.clock, now))
            async with _served(gateway, self._socket) as address:
                content = address.encode()
                await asyncio.to_thread(write_atomically, path, content, mode=_ADDRESS_MODE)
                try:
                    # The first that it says: who has started it reads the address now.
                    self.report.progress(Progress(f"The copy at {self.target.name} can be read."))
                    while self.clock.monotonic() - gateway.asked_at < _IDLE_SECONDS:
                        await self.clock.sleep(_LOOK_SECONDS)
                finally:
                    await asyncio.to_thread(path.unlink, missing_ok=True)
        return {}

    @property
    def _socket(self) -> Path | None:
        if not self.settings.packaged:
            return None
        return self.settings.run / "offsite" / f"{self.target.number}.sock"


@asynccontextmanager
async def _served(gateway: Gateway, path: Path | None) -> AsyncIterator[str]:
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
