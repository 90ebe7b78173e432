"""A folder on a share that hangs: each call to it has an end, and so has all that waits for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.offsite import copy_run, probe
from appliance.offsite.errors import TargetSilentError
from appliance.offsite.places import folder as folder_place
from appliance.offsite.timing import Line
from appliance.operations import child, runner
from appliance.operations.catalog import offsite
from appliance.operations.child import ChildOperations
from appliance.operations.errors import OperationError, OperationHeldUpError
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.repository import files
from appliance.repository.errors import RepositorySilentError, RepositoryUnreadableError
from appliance.repository.files import CONFIG, FolderFiles, files_at
from appliance.repository.place import copy_address
from tests.builders.offsite import Machine, restic
from tests.disks import needs_mounts
from tests.fakes.impatient import SILENCE
from tests.hanging_share import LIST, READ, STAT, SYNC, WRITE, Call, HangingShare, hanging_share
from tests.integration.offsite.test_gateway import running, shown

pytestmark = [needs_mounts, pytest.mark.timeout(120)]


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of silence is a second, here and in the processes of operations."""
    for module in (folder_place, files):
        monkeypatch.setattr(module, "SILENCE_SECONDS", SILENCE)
    monkeypatch.setattr(files, "GATEWAY_SECONDS", 3 * SILENCE)
    for module in (copy_run, probe):
        monkeypatch.setattr(module, "Line", partial(Line, silence=SILENCE))
    monkeypatch.setattr(child, "module_command", impatient_command)
    for name in ("_ENDS_WITHIN", "_KILLED_WITHIN"):
        monkeypatch.setattr(child, name, SILENCE)
    monkeypatch.setattr(runner, "_LEAVES_WITHIN", SILENCE)


def impatient_command(_: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", "tests.fakes.impatient", *arguments)


@pytest.fixture
def share(tmp_path: Path) -> Iterator[HangingShare]:
    """A share that holds copies in `tmp_path/backing`, also while it hangs."""
    with hanging_share(tmp_path / "share", tmp_path / "backing") as made:
        yield made


@pytest.fixture
async def copied(home: Machine, share: HangingShare) -> Machine:
    """A machine whose first set is on the share, and whose second is not."""
    home.folder_target(share.folder)
    home.back_up()
    await home.do("probe")
    await home.do("copy")
    home.add_documents()
    home.back_up()
    return home


@pytest.mark.parametrize("work", ["probe", "copy"])
async def test_a_share_that_hangs_is_named(copied: Machine, share: HangingShare, work: str) -> None:
    share.hang()
    with pytest.raises(TargetSilentError) as caught:
        await copied.do(work)
    assert str(share.folder) in caught.value.message
    state = await copied.state()
    assert (state.error, state.message) == (caught.value.code, caught.value.message)
    assert state.failures == (1 if work == "copy" else 0)
    share.come_back()
    assert await copied.do(work)
    assert (await copied.state()).error == ""


@pytest.mark.parametrize(
    ("calls", "after"),
    [(LIST, 2), (READ, 0), (WRITE, 1), (SYNC, 0), (STAT, 40), (frozenset({Call.LINK}), 0)],
    ids=["list", "read", "write", "sync", "stat", "link"],
)
async def test_one_that_hangs_in_the_middle_ends_the_copy_and_the_next_one_goes_on(
    copied: Machine, share: HangingShare, calls: frozenset[Call], after: int
) -> None:
    share.hang(calls, after=after)
    with pytest.raises(TargetSilentError):
        await copied.do("copy")
    share.wait_until_hung()
    assert (await copied.state()).failures == 1
    share.come_back()
    assert (await copied.do("copy"))["complete"]
    assert list((share.folder / "tmp").iterdir()) == []
    assert "no errors were found" in restic(share.folder, "check", "--read-data", "--no-lock")


@pytest.mark.parametrize("work", ["probe", "copy"])
async def test_the_supervisor_goes_on_although_the_process_cannot_be_ended(
    copied: Machine, share: HangingShare, work: str
) -> None:
    copied.settings.logs.mkdir(exist_ok=True)
    async with ChildOperations(copied.settings) as starter:
        operations = OperationRunner(copied.settings.operations, starter, SystemClock())
        share.hang()
        with pytest.raises(OperationError) as caught:
            await operations.run(offsite(1), {"work": work}, NoFollower())
        assert caught.value.result.code == TargetSilentError.code
        assert str(share.folder) in caught.value.message
        # The kernel holds its process. One is enough.
        with pytest.raises(OperationHeldUpError):
            await operations.run(offsite(1), {"work": work}, NoFollower())
        share.come_back()
        async with asyncio.timeout(20):
            while True:
                try:
                    await operations.run(offsite(1), {"work": work}, NoFollower())
                    break
                except OperationHeldUpError:
                    await asyncio.sleep(0.05)


async def test_who_reads_a_copy_is_told_by_the_gateway(
    copied: Machine, share: HangingShare
) -> None:
    async with running(copied) as operations, shown(copied, operations, 1):
        reader = files_at(copy_address(copied.settings, 1))
        assert await reader.read(CONFIG)
        share.hang(READ)
        with pytest.raises(RepositoryUnreadableError, match=str(share.folder)):
            await reader.read(CONFIG)
        share.come_back()
        async with asyncio.timeout(20):
            while True:
                # Refused while the call that hung is on its way back.
                with suppress(RepositoryUnreadableError):
                    assert await reader.read(CONFIG)
                    break
                await asyncio.sleep(0.05)


async def test_a_repository_in_a_folder_that_hangs_is_named(share: HangingShare) -> None:
    read = FolderFiles(share.folder)
    assert await read.read(CONFIG) is None
    share.hang()
    for work in (read.read(CONFIG), read.names("keys")):
        with pytest.raises(RepositorySilentError, match=str(share.folder)):
            await work
    share.come_back()
    async with asyncio.timeout(10):
        while True:
            try:
                assert await read.read(CONFIG) is None
                break
            except RepositorySilentError:
                await asyncio.sleep(0.05)
