"""A model runner that lives only as long as one model is fetched."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.limits import within_limits
from appliance.core.process import SEARCH_PATH, Running, kill_group, spawn
from appliance.core.settings import Settings
from appliance.fetch.errors import RunnerFailedError, RunnerMissingError
from appliance.fetch.names import printable
from appliance.fetch.pull import PULL_TIMEOUTS
from appliance.llm.client import ModelRunner
from appliance.llm.runner_errors import ModelRunnerUnavailableError
from appliance.units.ollama import environment_of

# It may look for graphics processors before it serves.
_SERVES_WITHIN = 120.0
_POLL_SECONDS = 0.1
_ENDS_WITHIN = 10.0
_KEPT_LINES = 20
# How the administrator says that the way to the internet leads through a proxy.
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class TemporaryRunner:
    """How to start one: `variables` are those of the caller, of which only proxies are used."""

    settings: Settings
    clock: Clock
    variables: Mapping[str, str]

    @asynccontextmanager
    async def serving(self, folder: Path) -> AsyncIterator[ModelRunner]:
        """Serve with the models in `folder`; leaving the block ends the program.

        Raises RunnerMissingError and RunnerFailedError.
        """
        path = f"{self.variables.get('PATH', '')}:{SEARCH_PATH}"
        program = await asyncio.to_thread(shutil.which, "ollama", path=path)
        if program is None:
            raise RunnerMissingError
        address = f"127.0.0.1:{_free_port()}"
        # The key pair that it makes for its maker's servers lives no longer than itself.
        with tempfile.TemporaryDirectory(prefix="cloister-fetch-") as home:
            environment = {
                **environment_of(self.settings, address),
                "HOME": home,
                "OLLAMA_MODELS": str(folder),
                **{
                    name: self.variables[name] for name in PROXY_VARIABLES if name in self.variables
                },
            }
            # The kernel ends it with us, also after a crash of ours.
            command = within_limits((program, "serve"), None)
            running = await spawn(command, env=environment)
            try:
                async with (
                    _last_lines(running) as lines,
                    ModelRunner(f"http://{address}", timeouts=PULL_TIMEOUTS) as runner,
                ):
                    await self._wait_for(runner, running, lines)
                    yield runner
            finally:
                await _end(running)

    async def _wait_for(self, runner: ModelRunner, running: Running, lines: deque[str]) -> None:
        deadline = self.clock.monotonic() + _SERVES_WITHIN
        while self.clock.monotonic() < deadline:
            if running.process.returncode is not None:
                # Its last lines may still be in the pipe.
                await self.clock.sleep(_POLL_SECONDS)
                raise RunnerFailedError(reason=lines[-1] if lines else "it ended at once.")
            with contextlib.suppress(ModelRunnerUnavailableError):
                await runner.version()
                return
            await self.clock.sleep(_POLL_SECONDS)
        raise RunnerFailedError(reason=f"it did not answer within {_SERVES_WITHIN:g} seconds.")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@asynccontextmanager
async def _last_lines(running: Running) -> AsyncIterator[deque[str]]:
    """Read what the program prints, so that it never blocks, and keep the last lines."""
    kept: deque[str] = deque(maxlen=_KEPT_LINES)

    async def read() -> None:
        with contextlib.suppress(ValueError):
            async for line in running.output:
                kept.append(printable(line.decode(errors="replace").rstrip()))

    reading = asyncio.create_task(read(), name="lines of the temporary model runner")
    try:
        yield kept
    finally:
        reading.cancel()


async def _end(running: Running) -> None:
    """End the program and all that it started."""
    kill_group(running.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(_ENDS_WITHIN):
            await running.process.wait()
    except TimeoutError:
        pass
    finally:
        kill_group(running.pid)
        await running.process.wait()
        running.pipe.close()
