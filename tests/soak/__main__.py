"""Run the soak: `python -m tests.soak [--seconds 600]`; it ends with 1 when a promise was broken.

Hostile members send all that a member can send; ordinary members search, ask, look and add
documents; an operator is signed in and idle. At the end every ordinary request must have been
answered, each within two seconds, and the memory must be back within a fifth of what it was.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from tests.appliance import Appliance, fake_ollama, home_folder, running_appliance
from tests.bench.processes import appliance_processes
from tests.soak import hostile, ordinary
from tests.soak.members import member
from tests.soak.record import Record

HOSTILE = ("harald", "helga")
ORDINARY = ("anna", "bert", "carla", "dirk")
SETTLE_SECONDS = 10.0
LOOKS = 6
MOST_SECONDS = 2.0
MOST_GROWTH = 0.2
# A small model on two cores: its speed is not what is measured.
PACE = {"first_token_delay": 0.05, "token_delay": 0.01}


def main() -> int:
    """Run the soak, print what happened, and return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    seconds = parser.parse_args().seconds
    with (
        home_folder() as home,
        fake_ollama(**PACE) as runner,
        running_appliance(home, ollama=runner) as appliance,
    ):
        record = asyncio.run(soak(appliance, seconds, lambda line: print(line, flush=True)))
    print(record.table())
    broken = record.broken_promises(MOST_SECONDS, MOST_GROWTH)
    print("\n".join(broken) or "Every promise was kept.")
    return 1 if broken else 0


async def soak(appliance: Appliance, seconds: float, say: Callable[[str], None]) -> Record:
    """Let hostile and ordinary members work for so many seconds; return what happened."""
    async with AsyncExitStack() as stack:
        bad = [await member(stack, appliance, name, "member") for name in HOSTILE]
        good = [await member(stack, appliance, name, "member") for name in ORDINARY]
        await member(stack, appliance, "olga", "operator")
        await ordinary.prepare(good)
        # The first requests fill caches and pools, which is no growth.
        await _together(ordinary.habits(good, Record()), min(seconds, SETTLE_SECONDS))
        record = Record(before=_memory(appliance))
        say(f"{len(bad)} hostile and {len(good)} ordinary members for {seconds:g} s")
        attacks = [habit for person in bad for habit in hostile.habits(person, record)]
        await _together([*attacks, *ordinary.habits(good, record)], seconds)
        record.after = await _settled(appliance, record.before)
    return record


async def _together(habits: list[ordinary.Habit], seconds: float) -> None:
    """Repeat each habit until the time is over; what has begun is waited for."""
    end = time.monotonic() + seconds

    async def repeat(habit: ordinary.Habit) -> None:
        while time.monotonic() < end:
            await habit()

    async with asyncio.TaskGroup() as tasks:
        for habit in habits:
            tasks.create_task(repeat(habit))


async def _settled(appliance: Appliance, before: int) -> int:
    """Return the memory once it is back, or what it is after a while."""
    now = _memory(appliance)
    for _ in range(LOOKS):
        if now <= before * (1 + MOST_GROWTH):
            break
        await asyncio.sleep(SETTLE_SECONDS)
        now = _memory(appliance)
    return now


def _memory(appliance: Appliance) -> int:
    processes = appliance_processes(appliance.home)
    return sum(process.pss() for process in processes if process.is_python)


if __name__ == "__main__":
    sys.exit(main())
