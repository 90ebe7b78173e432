"""The login message says what to open, or what is wrong, and follows the units."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from appliance.core.errors import DatabaseUnavailableError
from appliance.supervisor.model import Phase
from appliance.supervisor.motd import NOT_SUPERVISED, LoginMessage, text
from tests.fakes.clock import FakeClock
from tests.fakes.units import READY, UNITS, FakeUnits

ADDRESSES = {"chat": "https://box", "console": "https://box"}


class Claim:
    """Whether the machine is claimed, as a test sets it; None means that nobody can tell."""

    def __init__(self, claimed: bool | None) -> None:
        self.claimed = claimed
        self.asked = 0

    async def __call__(self) -> bool:
        self.asked += 1
        if self.claimed is None:
            raise DatabaseUnavailableError
        return self.claimed


async def until(path: Path, condition: Callable[[str], bool]) -> str:
    """Wait until the message is as a test wants it."""
    async with asyncio.timeout(30):
        while not (path.exists() and condition(path.read_text())):
            await asyncio.sleep(0.005)
    return path.read_text()


def message(claim: Claim, units: FakeUnits, path: Path) -> LoginMessage:
    return LoginMessage(units, claim, ADDRESSES, path, FakeClock())


def test_before_the_claim_it_says_how_to_claim() -> None:
    said = text(False, UNITS, ADDRESSES)
    assert "https://box/" in said
    assert "sudo cloister claim" in said


def test_afterwards_it_is_one_line() -> None:
    assert text(True, UNITS, ADDRESSES) == "Cloister: everything serves at https://box/\n"
    assert text(None, UNITS, ADDRESSES) == text(True, UNITS, ADDRESSES)


def test_a_unit_that_does_not_serve_comes_before_all_else() -> None:
    broken = replace(READY, name="webchat@1", phase=Phase.GAVE_UP)
    waiting = replace(READY, name="nginx", phase=Phase.WAITING)
    said = text(True, (READY, broken, waiting), ADDRESSES)
    assert said.startswith("Cloister: webchat@1 (gave up).")
    assert "sudo cloister doctor" in said
    assert "nginx" not in said


def test_what_is_starting_or_was_stopped_is_no_alarm() -> None:
    starting = text(None, (replace(READY, phase=Phase.STARTING),), ADDRESSES)
    assert starting == "Cloister is starting; it waits for postgres.\n"
    stopped = text(True, (READY, replace(READY, name="ollama", phase=Phase.STOPPED)), ADDRESSES)
    assert "stopped by an operator: ollama" in stopped


async def test_the_file_follows_the_units_and_is_readable_for_all(tmp_path: Path) -> None:
    path, units = tmp_path / "motd", FakeUnits()
    async with message(Claim(True), units, path):
        await until(path, lambda said: "everything serves" in said)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        units.change("ingest", Phase.GAVE_UP, "it ended too often")
        await until(path, lambda said: "ingest (gave up)" in said)
        units.change("ingest", Phase.READY, "answers")
        await until(path, lambda said: "everything serves" in said)
    assert path.read_text() == NOT_SUPERVISED


async def test_it_notices_that_somebody_claimed_the_machine(tmp_path: Path) -> None:
    path, claim = tmp_path / "motd", Claim(None)
    async with message(claim, FakeUnits(), path):
        await until(path, lambda said: "cloister claim" not in said)
        claim.claimed = False
        await until(path, lambda said: "cloister claim" in said)
        claim.claimed = True
        await until(path, lambda said: "cloister claim" not in said)


async def test_it_is_written_only_when_it_changes(tmp_path: Path) -> None:
    path, claim = tmp_path / "motd", Claim(False)
    async with message(claim, FakeUnits(), path):
        await until(path, lambda said: "cloister claim" in said)
        first, rounds = path.stat().st_ino, claim.asked
        await until(path, lambda _: claim.asked > rounds + 3)
        assert path.stat().st_ino == first
        claim.claimed = True
        await until(path, lambda said: "cloister claim" not in said)
        assert path.stat().st_ino != first


async def test_a_folder_that_is_missing_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "motd"
    units = FakeUnits()
    async with message(Claim(True), units, path):
        path.parent.mkdir()
        units.change("ingest", Phase.GAVE_UP, "it ended too often")
        await until(path, lambda said: "ingest (gave up)" in said)
