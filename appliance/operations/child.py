"""Operations as our own children, where no package is installed: they end with us."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from appliance.core.limits import within_limits
from appliance.core.process import BLOCK, Running, kill_group, spawn
from appliance.core.python import module_command, module_environment
from appliance.core.settings import Settings
from appliance.operations.catalog import find_operation
from appliance.operations.errors import OperationHeldUpError
from appliance.operations.model import Operation

_ENDS_WITHIN = 10.0
# A process that was killed ends at once, unless a call to a disk that does not answer holds it.
_KILLED_WITHIN = 10.0
_LAST_OUTPUT_SECONDS = 1.0
# What the processes of a clone have of the priorities that the units of the package have.
_GIVING_WAY = ("nice", "-n10", "ionice", "-c3")


@dataclass(slots=True)
class ChildOperations:
    """A Starter. The output of the processes goes to files beside the logs of the units.

    Use it as a context manager: the processes end with the block. One that the kernel holds up is
    left behind, and keeps its operation from being started again.
    """

    settings: Settings
    _running: dict[str, Running] = field(default_factory=dict)
    _held_up: dict[str, Running] = field(default_factory=dict)
    _output: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        names = list(self._running)
        await asyncio.gather(*(self.stop(find_operation(name)) for name in names))

    @property
    def keeps_operations(self) -> bool:
        """A child ends with its parent."""
        return False

    async def runs(self, operation: Operation) -> bool:
        """Say whether the child is alive; one that has ended is forgotten."""
        running = self._running.get(operation.name)
        if running is None:
            return False
        if running.process.returncode is None:
            return True
        await self._forget(operation)
        return False

    async def start(self, operation: Operation) -> None:
        """Start the child. Raises OperationHeldUpError, OSError and ProgramMissingError."""
        earlier = self._held_up.get(operation.name)
        if earlier is not None and earlier.process.returncode is None:
            raise OperationHeldUpError(operation=operation.name)
        command = (*_GIVING_WAY, *module_command("appliance", *operation.argv))
        environment = {
            **self.settings.as_environment(),
            **module_environment(),
            "HOME": str(self.settings.home),
            "PYTHONUNBUFFERED": "1",
        }
        running = await spawn(
            within_limits(command, None), env=environment, account=self.settings.account
        )
        self._running[operation.name] = running
        self._output[operation.name] = asyncio.create_task(
            self._keep_output(operation, running), name=f"output of the operation {operation.name}"
        )

    async def stop(self, operation: Operation) -> None:
        """End the child: politely first, and by force at the end."""
        running = self._running.get(operation.name)
        if running is None:
            return
        kill_group(running.pid, signal.SIGTERM)
        await _ends(running, _ENDS_WITHIN)
        await self._forget(operation)

    async def _forget(self, operation: Operation) -> None:
        running = self._running.pop(operation.name, None)
        if running is None:
            # Another caller saw the end first.
            return
        output = self._output.pop(operation.name)
        # What it has started does not outlive it.
        kill_group(running.pid)
        if not await _ends(running, _KILLED_WITHIN):
            self._held_up[operation.name] = running
        await asyncio.wait({output}, timeout=_LAST_OUTPUT_SECONDS)
        output.cancel()
        running.pipe.close()

    async def _keep_output(self, operation: Operation, running: Running) -> None:
        path = self.settings.logs / f"{operation.name}.log"
        while block := await running.output.read(BLOCK):
            with contextlib.suppress(OSError):
                await asyncio.to_thread(_append, path, block)


async def _ends(running: Running, seconds: float) -> bool:
    """Wait for the end of a process; say whether it has ended.

    A caller that was cancelled cleans up with it: in its task, a deadline of asyncio on Debian 12
    ends in another cancellation.
    """
    ending = asyncio.ensure_future(running.process.wait())
    await asyncio.wait({ending}, timeout=seconds)
    return not ending.cancel()


def _append(path: Path, block: bytes) -> None:
    with path.open("ab") as file:
        file.write(block)
