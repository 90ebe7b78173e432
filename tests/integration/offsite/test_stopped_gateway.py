"""The process that shows a copy stops: who reads the copy ends, and says why."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.offsite.serving import serving
from appliance.operations import child
from appliance.operations.catalog import RESTORE, offsite
from appliance.operations.child import ChildOperations
from appliance.operations.errors import OperationError
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.repository import answering, files
from appliance.repository.errors import RepositorySilentError
from appliance.repository.files import CONFIG, files_at
from appliance.repository.place import copy_address
from appliance.repository.restic import Repository
from tests.builders.offsite import Machine
from tests.builders.repositories import PASSWORD
from tests.fakes.impatient import SILENCE
from tests.integration.offsite.test_hanging import impatient_command

pytestmark = pytest.mark.timeout(120)
ENDS_WITHIN = 30.0


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of silence is a second, here and in the processes of operations."""
    monkeypatch.setattr(files, "GATEWAY_SECONDS", 2 * SILENCE)
    monkeypatch.setattr(answering, "PATIENCE_SECONDS", 2 * SILENCE)
    monkeypatch.setattr(answering, "_EVERY_SECONDS", SILENCE / 5)
    monkeypatch.setattr(child, "module_command", impatient_command)
    monkeypatch.setattr(child, "_ENDS_WITHIN", SILENCE)


@pytest.fixture
async def starter(home: Machine) -> AsyncIterator[ChildOperations]:
    """Starts operations as the supervisor of a clone does."""
    home.settings.logs.mkdir(exist_ok=True)
    async with ChildOperations(home.settings) as made:
        yield made


@pytest.fixture
async def operations(
    home: Machine, starter: ChildOperations, tmp_path: Path
) -> AsyncIterator[OperationRunner]:
    """Carries out operations, while the copy of a machine is shown."""
    home.add_documents(1, size=30_000_000)
    home.back_up()
    home.folder_target(tmp_path / "disk")
    await home.do("probe")
    await home.do("copy")
    made = OperationRunner(home.settings.operations, starter, SystemClock())
    async with serving(made, 1):
        yield made
    # A stopped process is no obstacle to the end of the block.
    assert not await starter.runs(offsite(1))


def stop(starter: ChildOperations) -> None:
    """Stop the gateway as a debugger does: its socket takes connections, and nothing more."""
    os.kill(starter._running[offsite(1).name].pid, signal.SIGSTOP)


@pytest.mark.parametrize("work", ["open", "check", "restore"])
async def test_restic_does_not_wait_for_a_gateway_that_has_stopped(
    home: Machine,
    starter: ChildOperations,
    operations: OperationRunner,
    tmp_path: Path,
    work: str,
) -> None:
    repository = Repository(copy_address(home.settings, 1), PASSWORD)
    works: Mapping[str, Callable[[], Awaitable[object]]] = {
        "open": repository.open,
        "check": lambda: repository.check("100%"),
        "restore": lambda: repository.restore("latest", tmp_path / "out"),
    }
    await works[work]()
    stop(starter)
    async with asyncio.timeout(ENDS_WITHIN):
        with pytest.raises(RepositorySilentError, match="nothing answered for 2 seconds"):
            await works[work]()


async def test_one_that_stops_in_the_middle_ends_a_restore(
    home: Machine, starter: ChildOperations, operations: OperationRunner, tmp_path: Path
) -> None:
    repository, out = Repository(copy_address(home.settings, 1), PASSWORD), tmp_path / "out"
    restoring = asyncio.create_task(repository.restore("latest", out))
    async with asyncio.timeout(ENDS_WITHIN):
        while not out.exists():
            await asyncio.sleep(0.001)
        stop(starter)
        with pytest.raises(RepositorySilentError):
            await restoring


async def test_its_files_are_not_waited_for_either(
    home: Machine, starter: ChildOperations, operations: OperationRunner
) -> None:
    read = files_at(copy_address(home.settings, 1))
    assert await read.read(CONFIG)
    stop(starter)
    async with asyncio.timeout(ENDS_WITHIN):
        for work in (read.read(CONFIG), read.names("keys")):
            with pytest.raises(RepositorySilentError):
                await work


async def test_a_restore_that_reads_it_ends_with_a_sentence(
    home: Machine, starter: ChildOperations, operations: OperationRunner
) -> None:
    (home.settings.state).mkdir(exist_ok=True)
    (home.settings.state / "backup.key").write_text(PASSWORD)
    request = {"work": "list", "source": 1}
    stop(starter)
    async with asyncio.timeout(ENDS_WITHIN):
        with pytest.raises(OperationError, match="nothing answered for 3 seconds") as caught:
            await operations.run(RESTORE, request, NoFollower())
    assert caught.value.result.code == RepositorySilentError.code
    assert caught.value.result.hint
