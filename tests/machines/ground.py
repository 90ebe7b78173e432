"""The ground a test run stands on: one folder, one control group and one prefix for all it makes.

Everything outside the process that a run makes carries the run's own name: process id, time of
start and a number. So what belongs to a run whose process is gone can be found and removed, however
it ended.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from tests.machines.control_group import ControlGroup, mounts, unified_hierarchy
from tests.machines.programs import MachineError, run_program

PREFIX = "cloister-"
NAMESPACES = Path("/run/netns")
LOCKS = Path("/run/systemd/nspawn/locks")
PROPAGATION = Path("/run/systemd/nspawn/propagate")


class Ground:
    """A run's own place; `close` takes back whatever still lies or runs on it."""

    def __init__(self, machines: Path, run: str) -> None:
        self.name = PREFIX + run
        self.folder = machines / f"run-{run}"
        self._group = ControlGroup(self.name)

    def prepare(self) -> None:
        self._group.create()
        self.folder.mkdir(parents=True)
        # Machines of another run that boot meanwhile copy all mounts. Below a shared one, what is
        # unmounted here is unmounted there, too; else a disk would stay in use.
        run_program("mount", "--bind", str(self.folder), str(self.folder))
        run_program("mount", "--make-shared", str(self.folder))

    def control_group(self, label: str) -> ControlGroup:
        """A group of this label, not made yet: who runs in it ends with the run at the latest."""
        return ControlGroup(f"{self.name}/{label}")

    def close(self) -> None:
        self._group.end()
        for mount in reversed([m for m in _mount_points() if m.is_relative_to(self.folder)]):
            remove_lock(mount)
            _unmount(mount)
        for namespace in _entries(NAMESPACES, self.name):
            run_program("ip", "netns", "delete", namespace.name)
        for remnant in _entries(PROPAGATION, self.name):
            with suppress(OSError):
                remnant.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def prepared_ground(machines: Path) -> Iterator[Ground]:
    """This process's ground, after the ground of runs that were killed has been cleared."""
    _clear_leftovers(machines)
    ground = _new_ground(machines)
    try:
        yield ground
    finally:
        ground.close()


def remove_lock(root: Path) -> None:
    """Remove the file that nspawn leaves behind when it is killed: its lock on a root directory."""
    status = root.stat()
    (LOCKS / f"inode-{status.st_dev}:{status.st_ino}").unlink(missing_ok=True)


def remaining(ground: Ground) -> list[str]:
    """What a run has left behind: mounts, namespaces, control groups, files."""
    return [
        *(str(mount) for mount in _mount_points() if mount.is_relative_to(ground.folder)),
        *(str(namespace) for namespace in _entries(NAMESPACES, ground.name)),
        *(str(remnant) for remnant in _entries(PROPAGATION, ground.name)),
        *(str(path) for path in ControlGroup(ground.name).paths()),
        *([str(ground.folder)] if ground.folder.exists() else []),
    ]


def _new_ground(machines: Path) -> Ground:
    pid = os.getpid()
    for number in count():
        ground = Ground(machines, f"{pid}-{_started(pid)}-{number}")
        with suppress(FileExistsError):
            ground.prepare()
            return ground
    raise AssertionError


def _clear_leftovers(machines: Path) -> None:
    names = {path.name.removeprefix("run-") for path in machines.glob("run-*")}
    names |= {path.name.removeprefix(PREFIX) for path in unified_hierarchy().glob(f"{PREFIX}*-*")}
    for name in names:
        match name.split("-"):
            case [pid, started, _] if pid.isdecimal() and _started(int(pid)) != started:
                Ground(machines, name).close()


def _started(pid: int) -> str | None:
    """When the process was started, in the kernel's ticks; nothing when there is no such one."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may hold anything; start time is the 20th field after it.
    return status.rpartition(")")[2].split()[19]


def _mount_points() -> list[Path]:
    return [point for point, _ in mounts()]


def _entries(folder: Path, prefix: str) -> list[Path]:
    return sorted(folder.glob(f"{prefix}-*")) if folder.is_dir() else []


def _unmount(mount: Path) -> None:
    try:
        run_program("umount", str(mount))
    except MachineError:
        # A leftover may still be held by a file that nobody will close; it goes with its holder.
        run_program("umount", "--lazy", str(mount))
