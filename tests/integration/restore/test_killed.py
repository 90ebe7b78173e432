"""Killed at any moment, a machine is the old one or the new one, and the next run succeeds."""

from __future__ import annotations

import random
import time
from subprocess import TimeoutExpired

import pytest

from appliance.library.blobs import UNCONFIRMED
from appliance.repository.model import Verdict
from appliance.units.exchange import Places, RestoreState
from tests.appliance import processes_of, wait_until
from tests.builders.restores import Machine, kill, restored_database, start_operation, sums_at

MOMENTS = 20
MOMENT = random.SystemRandom()
pytestmark = pytest.mark.timeout(900)


def interrupt(machine: Machine, name: str, longest: float, **request: object) -> None:
    """Start an operation, and kill it at a random moment, with all that it has started."""
    process = start_operation(machine.settings, name, request)
    try:
        process.wait(MOMENT.uniform(0.2, longest))
    except TimeoutExpired:
        kill(process)
    assert process.stderr is not None
    process.stderr.close()
    wait_until(lambda: not processes_of(machine.settings.home), "the processes to end")


def duration(machine: Machine, name: str, **request: object) -> float:
    """Return how many seconds an operation takes."""
    began = time.monotonic()
    machine.run(name, **request)
    return time.monotonic() - began


def test_a_drill_that_is_killed_leaves_nothing_that_stops_the_next_one(machine: Machine) -> None:
    digest = machine.add_documents(3)[0]
    machine.add_chunks(digest, 40)
    machine.run("set")
    longest = duration(machine, "drill")
    for _ in range(MOMENTS):
        interrupt(machine, "drill", longest)
    assert machine.run("drill")["verdict"] == Verdict.VERIFIED
    assert not (machine.settings.backup / "drill").exists()


def test_a_restore_that_is_killed_is_all_or_nothing(machine: Machine) -> None:
    digests = machine.add_documents(3)
    machine.add_chunks(digests[0], 40)
    machine.run("set")
    places = Places(machine.settings.database)
    longest = duration(machine, "restore", what="everything")
    machine.run("restore", work="undo")
    expected = machine.sums()
    for _ in range(MOMENTS):
        machine.path_of(digests[1]).unlink(missing_ok=True)
        interrupt(machine, "restore", longest, what="everything")
        assert not places.data.exists()
        if places.state() is RestoreState.READY:
            # It is whole, with its documents.
            assert machine.path_of(digests[1]).is_file()
            assert (places.restored / "global" / "pg_control").is_file()
            assert (machine.settings.documents / UNCONFIRMED).exists()
            machine.run("restore", work="undo")
            assert not (machine.settings.documents / UNCONFIRMED).exists()
    machine.run("restore", what="everything")
    assert not places.fetched.exists()
    with restored_database(machine.settings) as address:
        restored = sums_at(address)
    assert {name for name in expected if restored[name] != expected[name]} <= {"core.job"}
