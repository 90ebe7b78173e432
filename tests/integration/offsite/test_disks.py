"""Disks of targets that are full or read-only are named, and used again when they can be."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from appliance.offsite.errors import TargetFullError, TargetReadOnlyError
from tests.builders.offsite import Machine, restic, sftp_target
from tests.disks import needs_mounts, small_disk
from tests.fakes.offsite import sftp_server
from tests.integration.offsite.test_faults import fails

pytestmark = needs_mounts


async def test_a_full_disk_behind_sftp_is_named_although_the_protocol_has_no_word_for_it(
    home: Machine, tmp_path: Path, servers: ExitStack
) -> None:
    server = servers.enter_context(sftp_server(tmp_path / "server"))
    home.set_up(sftp_target(server))
    home.back_up()
    with small_disk(server.folder / "copy", "1m") as disk:
        await home.do("probe")
        await home.do("copy")
        first = restic(disk.folder, "snapshots", "--json", "--no-lock")
        home.add_documents()
        home.back_up()
        error = await fails(home, TargetFullError)
        assert "are free, and" in error.message
        assert "are still to be copied" in error.message
        assert list((disk.folder / "tmp").iterdir()) == []
        assert restic(disk.folder, "snapshots", "--json", "--no-lock") == first
        assert "no errors were found" in restic(disk.folder, "check", "--read-data", "--no-lock")
        disk.remount("size=20m")
        assert (await home.do("copy"))["complete"]
        assert (await home.state()).error == ""
        assert "no errors were found" in restic(disk.folder, "check", "--read-data")


async def test_a_disk_that_became_read_only_is_named_and_used_again_later(
    home: Machine, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "20m") as disk:
        home.folder_target(disk.folder)
        home.back_up()
        await home.do("probe")
        await home.do("copy")
        home.add_documents(1)
        newest = home.back_up()
        # As the kernel does with a disk that fails.
        disk.remount("ro")
        error = await fails(home, TargetReadOnlyError)
        assert str(disk.folder) in error.message
        disk.remount("rw")
        assert (await home.do("copy"))["complete"]
        assert (disk.folder / "snapshots" / newest).exists()
