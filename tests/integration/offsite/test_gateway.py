"""The gateway shows a copy to restic, for reading alone, until its asker has read enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from appliance.core.clock import SystemClock
from appliance.offsite.model import Target
from appliance.offsite.serving import serving
from appliance.operations.catalog import offsite
from appliance.operations.child import ChildOperations
from appliance.operations.errors import OperationBusyError, OperationError
from appliance.operations.runner import OperationRunner
from appliance.repository.errors import GatewayMissingError
from appliance.repository.files import files_at, keys_of
from appliance.repository.place import copy_address
from appliance.repository.restic import Repository
from tests.builders.offsite import Machine
from tests.builders.repositories import PASSWORD


@asynccontextmanager
async def running(home: Machine) -> AsyncIterator[OperationRunner]:
    """Lend what starts operations, as the supervisor has it."""
    home.settings.logs.mkdir(exist_ok=True)
    starter = ChildOperations(home.settings)
    try:
        yield OperationRunner(home.settings.operations, starter, SystemClock())
    finally:
        await starter.stop(offsite(1))


@asynccontextmanager
async def shown(
    home: Machine, runner: OperationRunner, number: int, folder: Path | None = None
) -> AsyncIterator[str]:
    """Show a copy, and lend its address as the process that reads it finds it."""
    async with serving(runner, number, folder=folder):
        yield copy_address(home.settings, number)


async def test_restic_reads_a_copy_without_its_password(
    home: Machine, target: tuple[Target, Path], tmp_path: Path
) -> None:
    snapshot = home.back_up()
    await home.do("probe")
    await home.do("copy")
    async with running(home) as runner:
        async with shown(home, runner, 1) as address:
            assert target[0].secret == "" or target[0].secret not in address
            repository = Repository(address, PASSWORD)
            assert [entry.name for entry in home.settings.repository.glob("snapshots/*")] == [
                snapshot
            ]
            await repository.check("100%")
            await repository.restore(snapshot, tmp_path / "out")
            assert len(await keys_of(files_at(address))) == 1
        assert not await runner.starter.runs(offsite(1))
        with pytest.raises(GatewayMissingError):
            copy_address(home.settings, 1)
    for path in home.documents.iterdir():
        assert (tmp_path / "out/documents" / path.name).read_bytes() == path.read_bytes()


async def test_nothing_at_the_target_can_be_changed_through_it(
    home: Machine, tmp_path: Path
) -> None:
    home.back_up()
    home.folder_target(tmp_path / "disk")
    await home.do("probe")
    await home.do("copy")
    before = sorted(path for path in (tmp_path / "disk").rglob("*"))
    name = next((tmp_path / "disk" / "snapshots").iterdir()).name
    async with running(home) as runner, shown(home, runner, 1) as address:
        base = address.removeprefix("rest:")
        async with aiohttp.ClientSession() as session:
            for method, path in (
                ("POST", f"data/{'0' * 64}"),
                ("POST", f"snapshots/{name}"),
                ("DELETE", f"snapshots/{name}"),
                ("DELETE", "config"),
                ("POST", "?create=true"),
                ("GET", "../../etc/passwd"),
                ("GET", f"data/{'0' * 64}"),
            ):
                async with session.request(method, f"{base}{path}") as answer:
                    assert answer.status in {404, 405}, (method, path)
            async with session.get(base.replace("127.0.0.1", "127.0.0.1")[:-9] + "/config") as no:
                assert no.status == 404
    assert sorted(path for path in (tmp_path / "disk").rglob("*")) == before


async def test_it_sends_the_part_of_a_file_that_is_asked_for(home: Machine, tmp_path: Path) -> None:
    home.back_up()
    home.folder_target(tmp_path / "disk")
    await home.do("probe")
    await home.do("copy")
    pack = next((tmp_path / "disk" / "data").glob("*/*"))
    content = pack.read_bytes()
    async with running(home) as runner, shown(home, runner, 1) as address:
        url = f"{address.removeprefix('rest:')}data/{pack.name}"
        async with aiohttp.ClientSession() as session:
            for asked, part in (("5-9", content[5:10]), (f"{len(content) - 3}-", content[-3:])):
                async with session.get(url, headers={"Range": f"bytes={asked}"}) as answer:
                    assert (answer.status, await answer.read()) == (206, part)
            async with session.get(url, headers={"Range": "bytes=999999999-"}) as answer:
                assert answer.status == 416
            async with session.head(url) as answer:
                assert int(answer.headers["Content-Length"]) == len(content)


async def test_a_folder_without_a_target_can_be_shown(home: Machine, tmp_path: Path) -> None:
    home.back_up()
    async with running(home) as runner:
        async with shown(home, runner, 2, folder=home.settings.repository) as address:
            assert len(await Repository(address, PASSWORD).files("latest")) == 3
        with pytest.raises(OperationError) as caught:
            async with serving(runner, 2, folder=tmp_path):
                pass
        assert caught.value.result.code == "offsite_empty"


async def test_it_is_refused_while_a_copy_is_made_or_shown(home: Machine, tmp_path: Path) -> None:
    home.back_up()
    home.folder_target(tmp_path / "disk", limit=1)
    await home.do("probe")
    async with running(home) as runner:
        home.folder().ask({"work": "copy"})
        await runner.starter.start(offsite(1))
        with pytest.raises(OperationBusyError):
            async with serving(runner, 1):
                pass
        assert await runner.starter.runs(offsite(1))
        await runner.starter.stop(offsite(1))
        async with serving(runner, 1, folder=home.settings.repository):
            with pytest.raises(OperationBusyError):
                async with serving(runner, 1):
                    pass


async def test_its_starter_needs_no_way_to_the_copy(
    home: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packaged, the supervisor is not in the group of the folder with address and socket."""
    home.back_up()

    def refuse(path: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    async with running(home) as runner:
        monkeypatch.setattr(Path, "read_text", refuse)
        async with serving(runner, 2, folder=home.settings.repository):
            monkeypatch.undo()
            assert len(await Repository(copy_address(home.settings, 2), PASSWORD).files("latest"))
