"""Seconds from the command until everything is ready: on an empty folder, and again."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.appliance import Appliance, running_appliance
from tests.bench.figures import times
from tests.bench.table import Row
from tests.postgres import running_server

SECOND_GOAL = 10.0


@dataclass(frozen=True, slots=True)
class Started:
    """A running appliance, and how long that took."""

    appliance: Appliance
    seconds: float


@contextmanager
def started(home: Path, runner: str, slots: int) -> Iterator[Started]:
    """Start an appliance; the clock stops when it says that everything is ready."""
    begin = time.perf_counter()
    with running_appliance(home, ollama=runner, CLOISTER_GENERATION_SLOTS=str(slots)) as appliance:
        yield Started(appliance, time.perf_counter() - begin)


def start_rows(first: float, second: float) -> list[Row]:
    """Return the table's lines; PostgreSQL alone is made and started here."""
    folder = Path(tempfile.mkdtemp(prefix="cloister-bench-"))
    begin = time.perf_counter()
    try:
        with running_server(folder):
            alone = time.perf_counter() - begin
    finally:
        shutil.rmtree(folder)
    against = f"PostgreSQL alone, made and started: {alone:.1f} s"
    return [
        Row("ready after the first start", f"{first:.1f} s", against, times(first / alone)),
        Row(
            "ready after the second start",
            f"{second:.1f} s",
            f"the first start: {first:.1f} s",
            times(second / first),
            f"< {SECOND_GOAL:.0f} s",
            second < SECOND_GOAL,
        ),
    ]
