"""Where a machine writes: a plain folder, or a disk that can lose what was never flushed."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import Protocol

from tests.machines.programs import run_program, wait_until

EXT4_IOC_SHUTDOWN = 0x8004587D
# Not even the journal is flushed: the file system ends as if its current had been taken away.
NO_LOG_FLUSH = 2


class Storage(Protocol):
    """Holds a machine's changes in the folder `content`, between `attach` and `detach`."""

    content: Path

    def attach(self) -> None: ...

    def detach(self) -> None: ...


class Folder:
    """The host keeps what is written here, whatever happens to the machine."""

    def __init__(self, content: Path) -> None:
        self.content = content

    def attach(self) -> None:
        self.content.mkdir(parents=True, exist_ok=True)

    def detach(self) -> None:
        """Nothing to do: a folder stays."""


class Disk:
    """An ext4 file system in a file. Only what was synced to it outlives a power cut."""

    def __init__(self, folder: Path, size: str) -> None:
        self.content = folder / "disk"
        self._image = folder / "disk.ext4"
        self._size = size

    def attach(self) -> None:
        """Mount the disk, which replays its journal after a power cut."""
        self.content.mkdir(parents=True, exist_ok=True)
        if not self._image.exists():
            run_program("truncate", "--size", self._size, str(self._image))
            run_program("mkfs.ext4", "-q", str(self._image))
        run_program("mount", "-o", "loop", str(self._image), str(self.content))

    def detach(self) -> None:
        """Unmount the disk, and return when the kernel has let go of it.

        A killed machine's last hold on it ends a moment after its processes; mounted again within
        that moment, the disk would still be the one without current.
        """
        if not self.content.is_mount():
            return
        device = self.content.stat().st_dev
        block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
        run_program("umount", str(self.content))
        in_use = Path("/sys/fs/ext4") / block.name
        # What was not synced yet is written first, which takes its time on a busy host.
        wait_until(lambda: not in_use.exists(), f"{block.name} is unmounted everywhere", 120)

    def cut_power(self) -> None:
        """Drop every write that is not on the disk yet; nothing can be written from now on."""
        disk = os.open(self.content, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(disk, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(disk)
