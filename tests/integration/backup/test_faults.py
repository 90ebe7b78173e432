"""What breaks while a set is made breaks the set, loudly, and nothing half is saved."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from appliance.backup.errors import (
    DatabaseDamagedError,
    DocumentsMissingError,
    DumpBrokenOffError,
    FilesUnreadError,
)
from appliance.core.errors import DatabaseUnavailableError
from appliance.operations.model import Outcome, Result
from tests.builders.backups import After, BackedUp, backed_up
from tests.builders.damage import change
from tests.integration.backup.whole import assert_each_snapshot_is_whole
from tests.postgres import Server, binaries, scratch_folder, unprivileged


@pytest.fixture
def own_home(own_server: Server) -> Iterator[BackedUp]:
    """A home on a server that the test may break."""
    with scratch_folder("cloister-home-") as folder:
        yield backed_up(own_server, folder)


def control(home: BackedUp, *words: str) -> None:
    """Stop, start or restart the server."""
    data = home.server.socket.parent / "data"
    command = [str(binaries() / "pg_ctl"), "-D", str(data), "-w", "-l", "/dev/null", *words]
    if "start" in words:
        command += ["-o", f"-c unix_socket_directories={home.server.socket} -c listen_addresses="]
    subprocess.run(unprivileged(command), check=True, stdout=subprocess.DEVNULL)


@contextlib.asynccontextmanager
async def dumping(home: BackedUp) -> AsyncIterator[asyncio.Task[dict[str, Any]]]:
    """Lend a set that is being made: pg_dump waits for a table that another session holds."""
    with psycopg.connect(home.owner) as holder:
        # It dumps no rows of this table, and nothing else reads it.
        holder.execute("LOCK TABLE core.session IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(home.do("set"))
        async with asyncio.timeout(30):
            while not home.execute(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_dump'"
                " AND wait_event_type = 'Lock'"
            ):
                assert not task.done(), task.exception()
                await asyncio.sleep(0.02)
        yield task
        with contextlib.suppress(psycopg.Error):
            holder.rollback()


def assert_nothing_is_left(home: BackedUp) -> None:
    assert not list((home.settings.repository / "snapshots").iterdir())
    assert not (home.settings.backup / "set").exists()


async def test_a_corrupted_page_fails_the_set_loudly(own_home: BackedUp) -> None:
    for number in range(200):
        own_home.add_person(f"person{number}")
    await own_home.do("set")
    own_home.execute("CHECKPOINT")
    ((path,),) = own_home.execute("SELECT pg_relation_filepath('core.account')")
    control(own_home, "-m", "fast", "stop")
    change(own_home.server.socket.parent / "data" / path, at=5000)
    control(own_home, "start")
    for name in ("set", "hot"):
        with pytest.raises(DatabaseDamagedError) as raised:
            await own_home.do(name)
        assert "invalid page" in raised.value.message
    catalog = await own_home.catalog()
    assert len(catalog.snapshots) == 1
    control(own_home, "-m", "immediate", "stop")
    control(own_home, "start")


@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_a_database_that_ends_in_the_middle_fails_the_set(
    own_home: BackedUp, mode: str
) -> None:
    own_home.add_documents(2)
    async with dumping(own_home) as task:
        await asyncio.to_thread(control, own_home, "-m", mode, "stop")
        with pytest.raises(DumpBrokenOffError):
            await task
    assert_nothing_is_left(own_home)
    with pytest.raises(DatabaseUnavailableError):
        await own_home.do("set")
    control(own_home, "start")
    await own_home.do("set")
    assert await assert_each_snapshot_is_whole(own_home) == 1


async def test_a_cancelled_set_leaves_nothing(home: BackedUp) -> None:
    async with dumping(home) as task:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert_nothing_is_left(home)


def limited(home: BackedUp, size: int) -> Result:
    """Make a set that can write no file larger than `size`; return how it says that it ended."""
    process = home.start("set", prefix=("prlimit", f"--fsize={size}", "--"))
    process.communicate(timeout=60)
    found = json.loads((home.settings.operations / "set" / "result").read_text())
    return Result(**{**found, "outcome": Outcome(found["outcome"])})


async def test_a_stage_that_cannot_be_written_fails_the_set(home: BackedUp) -> None:
    digest = home.add_documents(1)[0]
    home.add_chunks(digest, 500)
    await home.do("set")
    before = home.files()
    result = await asyncio.to_thread(limited, home, 50_000)
    assert result.outcome is Outcome.FAILED
    assert result.code == "dump_failed"
    assert home.files() == before
    assert not (home.settings.backup / "set").exists()
    await home.do("set")
    assert await assert_each_snapshot_is_whole(home) == 2


async def test_a_repository_that_cannot_be_written_fails_the_set(home: BackedUp) -> None:
    home.add_documents(1)
    await home.do("set")
    listed = (await home.catalog()).snapshots
    home.add_documents(1, size=4_000_000)
    result = await asyncio.to_thread(limited, home, 1_000_000)
    # An older restic may crash when it cannot write.
    assert result.code in {"repository_failed", "repository_crashed"}
    assert (await home.catalog()).snapshots == listed
    await home.do("set")
    assert await assert_each_snapshot_is_whole(home) == 2


async def test_a_document_deleted_while_the_set_is_written_is_no_failure(home: BackedUp) -> None:
    digest = home.add_document(b"deleted meanwhile")
    # Many large ones are read before it: restic reads in the order of names.
    for number in range(6):
        name = f"{number:064x}"
        path = home.path_of(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(20_000_000))
    deleted = f"{'0' * 60}ffff"
    home.path_of(digest).rename(home.path_of(deleted))
    home.execute("UPDATE library.document SET digest = %s", deleted)
    task = asyncio.create_task(home.do("set"))
    while not list((home.settings.repository / "data").glob("*/*")):
        assert not task.done(), task.exception()
        await asyncio.sleep(0.005)
    home.execute("DELETE FROM library.document")
    home.path_of(deleted).unlink()
    found = await task
    assert found["without_file"] == []
    assert [one.id for one in (await home.catalog()).sets] == [found["snapshot"]]


async def test_a_snapshot_without_a_file_is_no_set(
    home: BackedUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program saves such a snapshot, and the server of the package never removes one."""
    digest = home.add_documents(1)[0]
    error = {"message_type": "error", "item": str(home.path_of(digest))}
    program = tmp_path / "restic"
    program.write_text(
        "#!/bin/sh\n"
        'PATH=/usr/local/bin:/usr/bin:/bin restic "$@" || exit\n'
        f"case \"$*\" in *--tag=set*) echo '{json.dumps(error)}' >&2; exit 3;; esac\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        with pytest.raises(FilesUnreadError) as raised:
            await home.do("set")
    assert digest in raised.value.message
    await home.do("list")
    assert (await home.catalog()).snapshots == ()
    await home.do("set")
    assert len((await home.catalog()).sets) == 1


async def test_ten_failed_nights_leave_the_last_good_set(home: BackedUp) -> None:
    home.add_documents(3)
    found = await home.do("set")
    await home.report(found["snapshot"])
    before = home.files()
    folder = home.settings.documents.rename(home.settings.home / "unmounted")
    for _ in range(10):
        with pytest.raises(DocumentsMissingError):
            await home.do("set")
    home.clock = After(days=10)
    assert (await home.do("prune"))["refused"] == "unverified"
    assert home.files() == before
    folder.rename(home.settings.documents)
    await home.do("set")
    assert await assert_each_snapshot_is_whole(home) == 2
