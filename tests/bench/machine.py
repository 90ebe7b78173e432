"""What a run was measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from tests.postgres import binaries


def machine() -> str:
    """Return the machine in a few lines."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    total = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    memory = int(total[1]) * 1024 / 1e9 if total else 0
    programs = (_version([str(binaries() / "postgres"), "--version"]), _version(["nginx", "-v"]))
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load average {load_average()} at the start\n"
        f"{os.cpu_count()} cores ({processor[1] if processor else 'unknown'}), "
        f"{memory:.0f} GB of memory, Linux {platform.release()} {platform.machine()}\n"
        f"Python {platform.python_version()}, "
        f"{', '.join(programs)}"
    )


def load_average() -> str:
    """Return the load of the last minute."""
    return f"{os.getloadavg()[0]:.2f}"


def _version(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except OSError:
        return f"no {command[0]}"
    return (done.stdout + done.stderr).strip().removeprefix("nginx version: ")
