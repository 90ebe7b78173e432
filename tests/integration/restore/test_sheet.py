"""A repository at any place opens without its small files: the printed sheet has copies of them."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.repository.errors import KeyUnknownError, RepositoryMissingError
from appliance.repository.files import files_at
from appliance.repository.place import address_file
from appliance.repository.recovery_key import RecoveryKey
from appliance.repository.restic import Repository
from appliance.repository.secret_file import secret_file
from appliance.restore.errors import (
    RestoreRequestError,
    SheetUnfitError,
    SmallFileDamagedError,
    SmallFileLostError,
)
from appliance.restore.model import Place
from appliance.restore.sheet import Sheet
from appliance.restore.source import opened
from tests.builders.damage import change
from tests.builders.offsite import SERVERS, Machine, machine
from tests.builders.repositories import PASSWORD, make_fast
from tests.fakes.offsite import append_only_server

COPIES = {"rest": "copy", "ssh": "copy", "s3": "copies/machine"}


@dataclass(frozen=True)
class Printed:
    """The sheet of a machine: the recovery key, and copies of its key file and the config."""

    key: RecoveryKey
    key_file: str
    config: str

    def place(self, **given: object) -> Place:
        return replace(Place(key=self.key.text), **given)  # type: ignore[arg-type]


@pytest.fixture
def home(tmp_path: Path) -> Machine:
    made = machine(tmp_path)
    made.add_documents()
    made.back_up()
    return made


@pytest.fixture
async def sheet(home: Machine) -> Printed:
    return await printed(home)


async def printed(home: Machine, password: str = PASSWORD) -> Printed:
    """Add a recovery key to the repository of a machine."""
    folder, key = home.settings.repository, RecoveryKey.new()
    before = set((folder / "keys").iterdir())
    with secret_file(key.password) as path:
        repository = Repository(str(folder), password)
        await repository.add_key(path, user="recovery", host=key.fingerprint)
    (added,) = set((folder / "keys").iterdir()) - before
    make_fast(added, key.password)
    (added,) = set((folder / "keys").iterdir()) - before
    texts = [base64.b64encode(path.read_bytes()).decode() for path in (added, folder / "config")]
    return Printed(key, *texts)


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def assert_it_opens(home: Machine, place: Place, out: Path) -> None:
    """Read each file of the set from a place."""
    async with opened(home.settings, home.clock, place) as source:
        await source.repository.restore("latest", out)
    names = sorted(path.name for path in home.documents.iterdir())
    assert names
    for name in names:
        assert (out / "documents" / name).read_bytes() == (home.documents / name).read_bytes()


async def refused(home: Machine, place: Place) -> ApplianceError:
    with pytest.raises(ApplianceError) as caught:
        async with opened(home.settings, home.clock, place):
            pass
    return caught.value


@asynccontextmanager
async def shown(home: Machine) -> AsyncIterator[None]:
    """Show the copy of the target through its gateway."""
    serving = asyncio.create_task(home.do("serve"))
    try:
        while not address_file(home.settings, 1).exists():
            assert not serving.done(), serving.exception()
            await asyncio.sleep(0.01)
        yield
    finally:
        serving.cancel()
        await asyncio.wait({serving})


def recovery_file(copy: Path) -> Path:
    """Return the file of the recovery key."""
    (found,) = (
        path
        for path in (copy / "keys").iterdir()
        if json.loads(path.read_bytes())["username"] == "recovery"
    )
    return found


@pytest.mark.parametrize("kind", ["folder", "rest", "ssh", "s3"])
async def test_a_copy_at_a_target_opens_with_the_sheet(
    kind: str, home: Machine, sheet: Printed, servers: ExitStack, tmp_path: Path
) -> None:
    if kind == "folder":
        copy = tmp_path / "disk"
        shutil.copytree(home.settings.repository, copy)
        home.folder_target(copy)
    else:
        start, make = SERVERS[kind]
        # Without it this server shows for minutes what a folder held when it was asked first.
        options = ("--dir-cache-time=0s",) if kind == "s3" else ()
        server = servers.enter_context(start(tmp_path / "server", *options))
        copy = server.folder / COPIES[kind]
        shutil.copytree(home.settings.repository, copy)
        home.set_up(make(server))
    at_target = sheet.place(source=1)
    (copy / "config").unlink()
    async with shown(home):
        error = await refused(home, at_target)
        assert isinstance(error, SmallFileLostError)
        assert "(target 1) lacks the file config" in error.message
        assert "--repository-config FILE" in error.advice
        await assert_it_opens(home, replace(at_target, config=sheet.config), tmp_path / "1")
    recovery_file(copy).unlink()
    async with shown(home):
        both = replace(at_target, config=sheet.config)
        error = await refused(home, both)
        assert isinstance(error, SmallFileLostError)
        assert "the key file of a recovery key" in error.message
        assert "--repository-key FILE" in error.advice
        both = replace(both, key_file=sheet.key_file)
        await assert_it_opens(home, both, tmp_path / "2")
    # Nothing was written there.
    assert not (copy / "config").exists()


async def test_the_own_repository_behind_its_server_opens_with_the_sheet(
    home: Machine, sheet: Printed, servers: ExitStack, tmp_path: Path
) -> None:
    (home.settings.repository / "config").unlink()
    server = servers.enter_context(append_only_server(tmp_path, home.settings.repository))
    at_server = sheet.place(address=f"rest:{server}")
    assert isinstance(await refused(home, at_server), SmallFileLostError)
    await assert_it_opens(home, replace(at_server, config=sheet.config), tmp_path / "1")
    # With the key of the machine, too.
    own = replace(at_server, key=None, config=sheet.config)
    (home.settings.state).mkdir()
    (home.settings.state / "backup.key").write_text(PASSWORD)
    await assert_it_opens(home, own, tmp_path / "2")


async def test_packaged_it_stands_before_the_server_on_a_unix_socket(
    home: Machine, sheet: Printed, servers: ExitStack, tmp_path: Path
) -> None:
    (home.settings.repository / "config").unlink()
    socket = tmp_path / "own.sock"
    servers.enter_context(append_only_server(tmp_path, home.settings.repository, socket))
    packaged = Settings(home.settings.home, packaged=True, runtime=tmp_path)
    typed = Sheet.typed(sheet.key_file, sheet.config)
    address = f"rest:http+unix://{socket}:/"
    async with typed.completing(packaged, home.clock, address) as whole:
        assert whole.startswith("rest:http+unix:///")
        files = files_at(whole)
        assert await files.read("config") == base64.b64decode(sheet.config)
        assert list(await files.names("keys")) == [recovery_file(home.settings.repository).name]
        for kind in ("snapshots", "index", "data"):
            names = await files.names(kind)
            assert names == await files_at(address).names(kind)
            for name in names:
                assert await files.read(f"{kind}/{name}") == await files_at(address).read(
                    f"{kind}/{name}"
                )


@pytest.mark.parametrize("at", [0, 20, -1])
async def test_a_damaged_config_is_named(
    home: Machine, sheet: Printed, at: int, tmp_path: Path
) -> None:
    config = home.settings.repository / "config"
    change(config, at=at % config.stat().st_size)
    error = await refused(home, sheet.place())
    assert isinstance(error, SmallFileDamagedError)
    assert "the file config is damaged" in error.message
    assert "--repository-config FILE" in error.advice
    await assert_it_opens(home, sheet.place(config=sheet.config), tmp_path / "out")


@pytest.mark.parametrize("size", [0, 10, 40])
async def test_a_cut_config_is_named(home: Machine, sheet: Printed, size: int) -> None:
    config = home.settings.repository / "config"
    config.write_bytes(config.read_bytes()[:size])
    error = await refused(home, sheet.place())
    assert isinstance(error, SmallFileDamagedError)
    assert "the file config" in error.message


@pytest.mark.parametrize("cut", [True, False])
async def test_a_damaged_key_file_is_named(
    home: Machine, sheet: Printed, tmp_path: Path, cut: bool
) -> None:
    path = recovery_file(home.settings.repository)
    content = path.read_bytes()
    path.write_bytes(content[:60] if cut else content.replace(b'"data": "', b'"data": "AAAA'))
    error = await refused(home, sheet.place())
    assert isinstance(error, SmallFileDamagedError)
    assert f"the key file {path.name[:12]} is damaged" in error.message
    assert "--repository-key FILE" in error.advice
    await assert_it_opens(home, sheet.place(key_file=sheet.key_file), tmp_path / "out")


async def test_a_key_of_another_machine_is_no_lost_file(home: Machine, sheet: Printed) -> None:
    other = RecoveryKey.new()
    error = await refused(home, Place(key=other.text))
    assert isinstance(error, KeyUnknownError)
    assert sheet.key.fingerprint in error.advice


async def test_an_empty_place_is_no_repository_that_lost_its_config(
    home: Machine, sheet: Printed, tmp_path: Path
) -> None:
    for given in ({}, {"config": sheet.config}):
        place = sheet.place(address=str(tmp_path / "nothing"), **given)
        assert isinstance(await refused(home, place), RepositoryMissingError)


async def test_the_sheet_of_another_repository_does_not_fit(
    home: Machine, sheet: Printed, tmp_path: Path
) -> None:
    password = "another machine's"
    other = await printed(machine(tmp_path / "other", password), password)
    for place in (
        replace(sheet.place(), config=other.config),
        replace(sheet.place(), key_file=other.key_file),
        replace(other.place(), key_file=other.key_file),
        replace(other.place(), key_file=other.key_file, config=sheet.config),
    ):
        error = await refused(home, place)
        assert isinstance(error, SheetUnfitError), place
        assert "from the sheet" in error.message


async def test_what_was_typed_in_part_is_refused_before_anything_is_read(
    home: Machine, sheet: Printed
) -> None:
    for given in (
        {"config": sheet.config[:20]},
        {"config": sheet.config[:-3]},
        {"config": "ü"},
        {"key_file": sheet.key_file[:40]},
        {"key_file": '{"created": '},
    ):
        error = await refused(home, sheet.place(**given))
        assert isinstance(error, RestoreRequestError), given
        assert next(iter(given)).replace("_", " ") in error.message
    # The key file of the sheet is for the key of the sheet.
    error = await refused(home, Place(key_file=sheet.key_file))
    assert isinstance(error, RestoreRequestError)


async def test_a_key_file_may_be_typed_in_lines(
    home: Machine, sheet: Printed, tmp_path: Path
) -> None:
    recovery_file(home.settings.repository).unlink()
    text = base64.b64decode(sheet.key_file).decode()
    lines = "\n".join(text[start : start + 40] for start in range(0, len(text), 40))
    assert lines != text
    await assert_it_opens(home, sheet.place(key_file=f"  {lines}\n"), tmp_path / "out")
