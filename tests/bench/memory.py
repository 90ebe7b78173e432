"""What the appliance's Python processes hold when nothing happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.figures import megabytes, times
from tests.bench.processes import Process, appliance_processes
from tests.bench.table import Row

GOAL = 250e6
# What any such process needs: a web server, a database driver and an HTTP client.
_BARE = "import aiohttp.web, httpx, psycopg_pool, sys; print('.', flush=True); sys.stdin.read()"


def memory(home: Path, when: str) -> tuple[Row, str]:
    """Return the table's line and a note with each process."""
    processes = [process for process in appliance_processes(home) if process.is_python]
    total = sum(process.pss() for process in processes)
    bare = _bare_processes(len(processes))
    row = Row(
        f"memory of our {len(processes)} Python processes, {when} (PSS)",
        megabytes(total),
        f"as many with libraries alone: {megabytes(bare)}",
        times(total / bare),
        f"< {megabytes(GOAL)}",
        total < GOAL,
    )
    each = ", ".join(
        f"{process.name} {megabytes(process.pss())} (RSS {megabytes(process.rss())})"
        for process in processes
    )
    others = [process for process in appliance_processes(home) if not process.is_python]
    rest = sum(process.pss() for process in others)
    return row, f"memory, {when}: {each}; PostgreSQL and Nginx {megabytes(rest)}"


def _bare_processes(count: int) -> int:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _BARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(count)
    ]
    try:
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        return sum(Process(child.pid, "bare", is_python=True).pss() for child in children)
    finally:
        for child in children:
            child.communicate()
