"""Every unit is killed under load: it serves again soon, and nothing acknowledged is lost."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from appliance.probes.process import facts
from tests.appliance import ROOT, Appliance, home_folder, running_appliance, wait_until
from tests.e2e.load import check, load, seconds_until
from tests.e2e.visitor import Program, Visitor, claimed, program
from tests.ports import free_port

UNITS = ("postgres", "ingest", "webchat@1", "nginx", "ollama")
QUESTION = "Which gate has lantern 1?"
FAKE = """#!/bin/sh
PYTHONPATH={root} exec {python} -P -m tests.fakes.ollama "$@"
"""


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    """An appliance that runs the fake model runner as its own unit, found on the PATH."""
    with home_folder() as home:
        programs = home.parent / "bin"
        programs.mkdir()
        fake = programs / "ollama"
        fake.write_text(FAKE.format(root=ROOT, python=sys.executable))
        fake.chmod(0o755)
        path = f"{programs}:{os.environ['PATH']}"
        with running_appliance(home, PATH=path) as started:
            yield started


@pytest.fixture(scope="module")
def asker(appliance: Appliance, operator: Visitor) -> Iterator[Visitor]:
    """The operator in another browser, for the thread that asks."""
    with Visitor(appliance.address) as visitor:
        assert visitor.sign_in().status_code == 303
        yield visitor


@pytest.mark.parametrize("unit", UNITS)
def test_a_killed_unit_serves_again_and_nothing_is_lost(
    appliance: Appliance, operator: Visitor, client: Program, asker: Visitor, unit: str
) -> None:
    with program(appliance) as uploader, load(unit, uploader, asker) as running:
        running.until(documents=3, conversations=3)
        client.finished(running.documents[0])
        before = appliance.kill(unit)
        killed = time.monotonic()
        took = _seconds_until_served(appliance, client, unit, before, killed)
        if unit == "ollama":
            took = seconds_until(_writing(client), killed, "writing answers")
        print(f"{unit} serves again {took:.1f} s after kill -9")
        assert appliance.unit(unit)["restarts"] == 1
        running.until(documents=2, conversations=2)
    check(running, client, operator)


@pytest.mark.parametrize("unit", ["postgres", "ingest", "webchat@1", "nginx"])
def test_a_hung_unit_is_replaced_and_nothing_is_lost(
    appliance: Appliance, operator: Visitor, client: Program, asker: Visitor, unit: str
) -> None:
    with program(appliance) as uploader, load(f"hung {unit}", uploader, asker) as running:
        running.until(documents=3, conversations=3)
        stopped = appliance.hang(unit)
        hung = time.monotonic()
        took = _seconds_until_served(appliance, client, unit, stopped[0], hung)
        print(f"{unit} serves again {took:.1f} s after SIGSTOP")
        wait_until(lambda: not any(map(facts, stopped)), "an end of all that were stopped")
        running.until(documents=2, conversations=2)
    check(running, client, operator)


def _seconds_until_served(
    appliance: Appliance, client: Program, unit: str, before: int, since: float
) -> float:
    """Wait until another process serves in the place of `before`, and does the unit's work."""
    took = seconds_until(
        lambda: _replaced(appliance, unit, before) and _question(client)(),
        since,
        f"an answer after {unit}",
    )
    if unit == "ingest":
        took = seconds_until(_reading(client), since, "reading documents")
    return took


def _replaced(appliance: Appliance, unit: str, pid: int) -> bool:
    found = appliance.unit(unit)
    return bool(found["state"] == "ready" and found["pid"] != pid)


def _question(client: Program) -> Callable[[], bool]:
    return lambda: bool(client.ask(QUESTION).citations)


def _writing(client: Program) -> Callable[[], bool]:
    return lambda: client.ask(QUESTION).kind == "generated"


def _reading(client: Program) -> Callable[[], bool]:
    """Return whether a document that is sent now becomes ready."""
    numbers = itertools.count()

    def serves() -> bool:
        number = next(numbers)
        sent = client.upload(f"probe {number}.txt", f"This is probe {number}.".encode())
        found = client.finished(sent.json()["id"], within=5)
        return bool(found["status"] == "ready")

    return serves


def test_a_killed_supervisor_under_load_loses_nothing() -> None:
    port = free_port()
    with (
        home_folder() as home,
        running_appliance(home, port=port) as first,
        claimed(first) as asker,
        program(first) as uploader,
        load("supervisor", uploader, asker) as running,
    ):
        running.until(documents=3, conversations=3)
        os.kill(first.process.pid, signal.SIGKILL)
        first.wait()
        began = time.monotonic()
        with (
            running_appliance(home, port=port) as second,
            program(second) as client,
            Visitor(second.address) as visitor,
        ):
            visitor.sign_in()
            took = seconds_until(_question(client), began, "the next start")
            print(f"the next start serves after {took:.1f} s")
            running.until(documents=2, conversations=2)
            running.end()
            check(running, client, visitor)
