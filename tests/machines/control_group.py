"""A control group: the one sure way to end everything that a machine's processes have started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.machines.programs import MachineError, wait_until


class ControlGroup:
    """A group named by its path below the root of each hierarchy that the host has."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._path = unified_hierarchy() / name

    def create(self) -> None:
        self._path.mkdir(parents=True)

    def entering(self, *command: str) -> tuple[str, ...]:
        """The command, to be run by a process that enters this group first."""
        script = 'echo $$ >"$0" && exec "$@"'
        return ("sh", "-c", script, str(self._path / "cgroup.procs"), *command)

    def end(self) -> None:
        """Kill whatever runs in the group or below, and remove it.

        A group is never used again: the kernel remembers that it was killed and may take a process
        that is later cloned from here into a fresh group for one that was to die.
        """
        if self._path.is_dir():
            (self._path / "cgroup.kill").write_text("1")
            events = self._path / "cgroup.events"
            wait_until(lambda: "populated 0" in events.read_text(), f"{self.name} is empty")
        for path in self.paths():
            for folder, _, _ in os.walk(path, topdown=False):
                Path(folder).rmdir()

    def paths(self) -> list[Path]:
        """Where the group exists: systemd-nspawn makes it in the other hierarchies, too."""
        paths = [point / self.name for point, kind in mounts() if kind in {"cgroup", "cgroup2"}]
        return [path for path in paths if path.is_dir()]


def unified_hierarchy() -> Path:
    for point, kind in mounts():
        if kind == "cgroup2":
            return point
    raise MachineError("this host has no unified control group hierarchy")


def mounts() -> Iterator[tuple[Path, str]]:
    """Where something is mounted, and of what kind it is, in the order of mounting."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        yield Path(left.split()[4].replace("\\040", " ")), right.split()[0]
