"""The processes of a running appliance: what they are, what they hold, what they have worked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.appliance import processes_of

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """A process; `name` is its Python module, or else its program."""

    pid: int
    name: str
    is_python: bool

    def pss(self) -> int:
        """Return its proportional set size in bytes: a page that n processes share counts 1/n."""
        return self._memory("Pss:")

    def rss(self) -> int:
        """Return its resident set size in bytes: a shared page counts whole for each."""
        return self._memory("Rss:")

    def _memory(self, field: str) -> int:
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
        message = f"the kernel does not tell the memory of process {self.pid}"
        raise RuntimeError(message)

    def worked(self) -> float:
        """Return the processor seconds that it has used; none when it has ended."""
        try:
            after_name = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        # utime, stime, and those of its children that have ended.
        return sum(int(ticks) for ticks in after_name[11:15]) / _TICKS


def appliance_processes(home: Path) -> list[Process]:
    """Return every process of the appliance whose data is in `home`."""
    found = []
    for pid in processes_of(home):
        try:
            found.append(_described(pid))
        except OSError:
            continue
    return sorted(found, key=lambda process: process.name)


def runner_process(address: str) -> Process:
    """Return the fake model runner that listens at `address`; others only know that address."""
    known = map(_described, processes_of(Path(address.removeprefix("http://"))))
    [found] = [process for process in known if process.name.startswith("tests.fakes.ollama")]
    return found


def _described(pid: int) -> Process:
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    program = Path(f"/proc/{pid}/comm").read_text().strip()
    is_python = Path(arguments[0]).name.startswith("python")
    if is_python and "-m" in arguments:
        program = " ".join(arguments[arguments.index("-m") + 1 :]).strip()
    return Process(pid, program, is_python)


def _worked_by_all() -> float:
    """Return the seconds that all cores have been busy with anything."""
    ticks = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    busy = [int(count) for place, count in enumerate(ticks) if place not in {3, 4}]  # idle, iowait
    return sum(busy) / _TICKS


@dataclass(frozen=True, slots=True)
class Work:
    """How much processor time each kind of process has used so far."""

    seconds: dict[str, float]

    @classmethod
    def of(cls, home: Path, others: Iterable[Process]) -> Work:
        """Read it for an appliance, for this process, and for `others`."""
        seconds: dict[str, float] = {"this load": sum(os.times()[:2])}
        for process in [*appliance_processes(home), *others]:
            name = process.name if process.is_python else process.name.split(":")[0]
            seconds[name] = seconds.get(name, 0.0) + process.worked()
        # What else ran on the machine tells how far the figures can be trusted.
        seconds["everything else"] = _worked_by_all() - sum(seconds.values())
        return cls(seconds)

    def since(self, earlier: Work, elapsed: float) -> str:
        """Return the share of one core that each has used in `elapsed` seconds."""
        shares = {
            name: (now - earlier.seconds.get(name, 0.0)) / elapsed
            for name, now in self.seconds.items()
        }
        ordered = sorted(shares.items(), key=lambda item: -item[1])
        return ", ".join(f"{name} {share:.0%}" for name, share in ordered if share >= 0.02)
