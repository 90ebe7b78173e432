"""What a target can do to a copy: each fault is named, kept in the state, and harmless."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from appliance.core.errors import ApplianceError
from appliance.offsite.errors import (
    CopyDamagedError,
    TargetFullError,
    TargetNotMountedError,
    TargetOfAnotherError,
    TargetReadOnlyError,
    TargetRefusedError,
    TargetUnprovenError,
    TargetUnreachableError,
)
from appliance.offsite.model import Target, TargetKind
from appliance.offsite.places import folder as folder_place
from tests.builders.damage import change
from tests.builders.offsite import (
    SERVERS,
    Machine,
    machine,
    rest_target,
    restic,
    s3_target,
    sftp_target,
)
from tests.fakes.offsite import host_fingerprint, rest_server, s3_server, sftp_server
from tests.ports import free_port

OTHER_KEY = "SHA256:" + "A" * 42 + "8"


async def fails(home: Machine, kind: type[ApplianceError], work: str = "copy") -> ApplianceError:
    """Expect an error of a kind, with its words in the state of the target."""
    with pytest.raises(kind) as caught:
        await home.do(work)
    state = await home.state()
    assert (state.error, state.message) == (caught.value.code, caught.value.message)
    assert state.hint
    return caught.value


def _rest_at(place: str) -> Target:
    return Target(number=1, name="cellar", kind=TargetKind.REST, place=place)


async def test_an_unmounted_disk_is_not_filled(home: Machine, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    home.folder_target(disk)
    home.back_up()
    await home.do("probe")
    await home.do("copy")
    disk.rename(tmp_path / "elsewhere")
    await fails(home, TargetNotMountedError)
    # The mount point of a disk that is away.
    disk.mkdir()
    await fails(home, TargetNotMountedError)
    await fails(home, TargetNotMountedError, "probe")
    assert list(disk.iterdir()) == []
    await home.do("probe", prepare=True)
    assert (await home.do("copy"))["complete"]


async def test_a_disk_that_goes_away_in_mid_copy_is_an_error(home: Machine, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    home.folder_target(disk, limit=200)
    home.back_up()
    await home.do("probe")
    copy = asyncio.create_task(home.do("copy"))
    while not list(disk.glob("data/*/*")):
        await asyncio.sleep(0.01)
    disk.rename(tmp_path / "elsewhere")
    disk.mkdir()
    with pytest.raises(TargetUnreachableError):
        await copy
    assert list(disk.iterdir()) == []
    state = await home.state()
    assert (state.error, state.failures) == ("offsite_unreachable", 1)
    assert state.next_try_at is not None
    assert state.tried_at is not None
    assert state.next_try_at > state.tried_at


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk with room for half a megabyte."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(folder)],
        capture_output=True,
        check=False,
    )
    try:
        yield folder
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_is_named_and_goes_on_when_there_is_room(
    home: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.back_up()
    with small_disk(tmp_path / "disk") as disk:
        if not disk.is_mount():
            # Without the right to mount, the system's answer is given by the test.
            monkeypatch.setattr(folder_place, "_write_all", _no_room_for_packs(disk))
        home.folder_target(disk)
        await home.do("probe")
        error = await fails(home, TargetFullError)
        assert str(disk) in error.message
        assert "are free, and" in error.message
        assert "are still to be copied" in error.message
        assert list((disk / "tmp").iterdir()) == []
        assert list((disk / "snapshots").iterdir()) == []
        monkeypatch.undo()
        if disk.is_mount():
            remount = ["mount", "-o", "remount,size=20m", str(disk)]
            subprocess.run(remount, check=True)
        assert (await home.do("copy"))["complete"]
        assert (await home.state()).error == ""
        assert "no errors were found" in restic(disk, "check", "--read-data")


def _no_room_for_packs(disk: Path) -> object:
    written = folder_place._write_all

    def write(descriptor: int, block: bytes) -> None:
        if len(block) > 10_000:
            raise OSError(28, os.strerror(28))
        written(descriptor, block)

    return write


async def test_a_read_only_target_is_named(
    home: Machine, tmp_path: Path, servers: ExitStack
) -> None:
    home.back_up()
    options = ("Subsystem sftp internal-sftp -R",)
    server = servers.enter_context(sftp_server(tmp_path / "server", options=options))
    (server.folder / "copy").mkdir()
    for kind in ("keys", "snapshots", "index", "data", "locks", "tmp"):
        (server.folder / "copy" / kind).mkdir()
    home.set_up(sftp_target(server))
    await fails(home, TargetReadOnlyError, "probe")
    await fails(home, TargetReadOnlyError)


async def test_a_rest_server_that_takes_nothing_is_named(home: Machine) -> None:
    home.back_up()

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            raise web.HTTPForbidden
        if request.method == "HEAD":
            raise web.HTTPNotFound
        return web.json_response([])

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        home.set_up(_rest_at(str(server.make_url("/"))))
        await fails(home, TargetReadOnlyError, "probe")
        await fails(home, TargetReadOnlyError)


async def test_another_host_in_its_place_gets_no_login(
    home: Machine, tmp_path: Path, servers: ExitStack
) -> None:
    home.back_up()
    server = servers.enter_context(sftp_server(tmp_path / "server"))
    for expected in (OTHER_KEY, ""):
        home.set_up(sftp_target(server, identity=expected))
        error = await fails(home, TargetUnprovenError, "probe")
        assert error.facts["found"] == host_fingerprint(server)
        await fails(home, TargetUnprovenError)
    assert list(server.folder.iterdir()) == []
    assert "publickey" not in server.log.read_text()


async def test_a_wrong_login_is_named(home: Machine, tmp_path: Path, servers: ExitStack) -> None:
    home.back_up()
    ssh = servers.enter_context(sftp_server(tmp_path / "ssh"))
    rest = servers.enter_context(rest_server(tmp_path / "rest"))
    s3 = servers.enter_context(s3_server(tmp_path / "s3"))
    wrong = "wrong-secret-77"
    for target in (
        sftp_target(ssh, secret=wrong),
        rest_target(rest, secret=wrong),
        s3_target(s3, secret=wrong),
    ):
        home.set_up(target)
        error = await fails(home, TargetRefusedError, "probe")
        assert wrong not in repr((error, error.facts, await home.state()))


async def test_a_target_that_is_away_is_tried_later_and_later(
    home: Machine, tmp_path: Path, servers: ExitStack
) -> None:
    home.back_up()
    for make, server in (
        (rest_target, servers.enter_context(rest_server(tmp_path / "rest"))),
        (sftp_target, servers.enter_context(sftp_server(tmp_path / "ssh"))),
        (s3_target, servers.enter_context(s3_server(tmp_path / "s3"))),
    ):
        home.set_up(make(server))
        (home.settings.offsite / "1.state.json").unlink(missing_ok=True)
        server.stop()
        for failures in (1, 2):
            await fails(home, TargetUnreachableError)
            assert (await home.state()).failures == failures
        server.start()
        assert (await home.do("copy"))["complete"]
        state = await home.state()
        assert (state.failures, state.next_try_at, state.error) == (0, None, "")


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_server_that_disappears_in_mid_copy_is_an_error_and_the_next_copy_goes_on(
    kind: str, home: Machine, tmp_path: Path, servers: ExitStack
) -> None:
    home.back_up()
    start, make = SERVERS[kind]
    server = servers.enter_context(start(tmp_path / "server"))
    home.set_up(make(server, limit=300))
    copy = asyncio.create_task(home.do("copy"))
    progress = None
    while progress is None or not progress.done:
        progress = home.folder().progress()
        await asyncio.sleep(0.01)
    server.stop()
    _end_sessions(server.port)
    with pytest.raises(TargetUnreachableError):
        await copy
    server.start()
    home.set_up(make(server))
    if kind == "rest":
        # A rest-server writes beside; this program keeps what it has when it is killed.
        await _remove_cut_files(home, server.folder / "copy")
    assert (await home.do("copy"))["complete"]


async def _remove_cut_files(home: Machine, copy: Path) -> None:
    """Do as the error says: move away what it names."""
    try:
        await home.do("copy")
    except CopyDamagedError as error:
        for name in error.facts["there"]:  # type: ignore[attr-defined]
            (path,) = copy.rglob(Path(name).name)
            path.unlink()


def _end_sessions(port: int) -> None:
    """End the processes that sshd has started for its open connections, and no others."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words, parent = path.read_bytes(), _parent_of(path.parent)
            is_ours = words.startswith(b"sshd: ") and _serves(path.parent, port)
        except OSError:
            continue
        if is_ours and parent == 1:
            os.kill(int(path.parent.name), 9)


def _parent_of(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])


def _serves(process: Path, port: int) -> bool:
    """Say whether a process has an open connection of a port."""
    local = f"0100007F:{port:04X}"
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1] == local
    }
    held = {str(path.readlink()) for path in (process / "fd").iterdir()}
    return any(f"socket:[{inode}]" in held for inode in inodes)


async def copied(home: Machine, disk: Path) -> None:
    """Make a set, and copy it to a folder."""
    home.folder_target(disk)
    home.back_up()
    await home.do("probe")
    await home.do("copy")


async def test_two_machines_do_not_share_a_place(home: Machine, tmp_path: Path) -> None:
    other = machine(tmp_path / "other", password="another machine's")
    home.back_up()
    for one in (home, other):
        one.folder_target(tmp_path / "disk")
    await home.do("probe")
    await home.do("copy")
    assert (await other.do("probe"))["holds"] == "other"
    before = sorted((tmp_path / "disk").rglob("*"))
    await fails(other, TargetOfAnotherError)
    assert sorted((tmp_path / "disk").rglob("*")) == before


@pytest.mark.parametrize("is_prepared", [True, False])
async def test_the_half_files_of_another_machine_are_left_alone(
    home: Machine, tmp_path: Path, *, is_prepared: bool
) -> None:
    """Neither a copy nor a try touches a place of another machine, which may be in mid-copy."""
    disk = tmp_path / "disk"
    await copied(home, disk)
    (disk / "tmp/half").write_bytes(b"half")
    if not is_prepared:
        (disk / "cloister-target").unlink()
    before = sorted(disk.rglob("*"))
    other = machine(tmp_path / "other", password="another machine's")
    other.folder_target(disk)
    assert (await other.do("probe"))["holds"] == "other"
    await fails(other, TargetOfAnotherError)
    assert sorted(disk.rglob("*")) == before


async def test_a_file_that_differs_there_is_named_and_left_alone(
    home: Machine, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    await copied(home, disk)
    pack = min(disk.glob("data/*/*"))
    pack.write_bytes(pack.read_bytes()[:-7])
    cut = pack.read_bytes()
    home.add_documents(1)
    newest = home.back_up()
    error = await fails(home, CopyDamagedError)
    assert error.facts["there"] == [f"data/{pack.name}"]
    assert pack.read_bytes() == cut
    # The rest is there.
    assert (disk / "snapshots" / newest).exists()


async def test_a_damaged_config_there_is_named_and_not_taken_for_another_machines(
    home: Machine, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    home.folder_target(disk)
    home.back_up()
    await home.do("probe")
    await home.do("copy")
    change(disk / "config", at=20)
    for work in ("copy", "probe"):
        error = await fails(home, CopyDamagedError, work)
        assert error.facts["there"] == ["config"]
        assert "differ from those here: config" in error.message
        assert "move it away there" in error.advice
    (disk / "config").unlink()
    assert (await home.do("copy"))["complete"]
    assert (disk / "config").read_bytes() == (home.settings.repository / "config").read_bytes()


@pytest.mark.parametrize("kind", ["index", "keys", "snapshots"])
async def test_a_damaged_file_of_this_machine_is_not_copied(
    kind: str, home: Machine, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    home.folder_target(disk)
    home.back_up()
    (path,) = (home.settings.repository / kind).iterdir()
    change(path, at=20)
    await home.do("probe")
    error = await fails(home, CopyDamagedError)
    assert error.facts["here"] == [f"{kind}/{path.name}"]
    assert list((disk / kind).iterdir()) == []
    assert list(disk.glob("data/*/*"))


async def test_a_folder_that_cannot_be_read_is_no_empty_one(home: Machine, tmp_path: Path) -> None:
    home.folder_target(tmp_path / "disk")
    home.back_up()
    await home.do("probe")
    shutil.move(home.settings.repository / "index", tmp_path / "away")
    await fails(home, ApplianceError)
    assert list(tmp_path.glob("disk/snapshots/*")) == []
    assert list(tmp_path.glob("disk/data/*/*")) == []


async def test_a_port_without_a_server_is_said_at_once(home: Machine) -> None:
    home.back_up()
    home.set_up(_rest_at(f"http://127.0.0.1:{free_port()}/"))
    await fails(home, TargetUnreachableError, "probe")
