"""Small disks for tests that fill them. Only root can mount one, so others skip these tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = 64 * 1024
_OPTIONS = "mode=0777"


def _can_mount() -> bool:
    """Try it: root in a container may not mount either."""
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    if os.geteuid() != 0:
        return False
    return subprocess.run(tried, check=False, capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not _can_mount(), reason="only root can mount a disk")


@dataclass(frozen=True)
class SmallDisk:
    """A disk in memory, mounted at a folder."""

    folder: Path

    @property
    def free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def fill(self, *, leave: int = 0) -> None:
        """Use up the room, but for so many bytes, as another program would."""
        with (self.folder / "filler").open("ab", buffering=0) as file:
            while (left := self.free - leave) > 0:
                try:
                    file.write(bytes(min(_BLOCK, left)))
                except OSError:
                    return

    def make_room(self) -> None:
        """Remove what filled it."""
        (self.folder / "filler").unlink()

    def remount(self, options: str) -> None:
        """Change it while it is in use: its size, or that it can only be read."""
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.folder)], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """Mount a disk of a size such as `16m` at a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={size},{_OPTIONS}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
