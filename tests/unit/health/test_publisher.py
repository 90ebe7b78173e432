"""What is published follows the machine: the login message, systemd's line, the runner's file."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from appliance.core.errors import DatabaseUnavailableError
from appliance.core.sd_notify import Notifier
from appliance.health.checks.disk_space import evaluate_disk
from appliance.health.checks.services import evaluate_services
from appliance.health.login_message import NOT_SUPERVISED, LoginMessage, text
from appliance.health.model import Check, CheckId, CheckResult, Health
from appliance.health.publisher import ConditionFile, HealthPublisher, Sink, StatusLine
from appliance.health.seen import seen_in_process
from appliance.health.service import HealthService
from appliance.llm.condition import RunnerCondition
from appliance.supervisor.model import Phase
from tests.builders.health import FINE, seen, service, share_free
from tests.fakes.clock import FakeClock
from tests.fakes.units import FakeUnits

ADDRESSES = {"chat": "https://box", "console": "https://box"}


class Claim:
    """Whether the machine is claimed, as a test sets it; None means that it is not known."""

    def __init__(self, claimed: bool | None) -> None:
        self.claimed = claimed
        self.asked = 0

    async def __call__(self) -> bool:
        self.asked += 1
        if self.claimed is None:
            raise DatabaseUnavailableError
        return self.claimed


class Told:
    """What systemd is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def status(self, sentence: str) -> None:
        self.lines.append(sentence)


async def until(path: Path, condition: Callable[[str], bool]) -> str:
    """Wait until the message is as a test wants it."""
    async with asyncio.timeout(10):
        while not (path.exists() and condition(path.read_text())):
            await asyncio.sleep(0.005)
    return path.read_text()


@asynccontextmanager
async def publishing(units: FakeUnits, *sinks: Sink) -> AsyncIterator[None]:
    """Publish how the services are while the block runs."""

    async def ask() -> list[CheckResult]:
        return evaluate_services(seen_in_process(units.units(), ()))

    checks = HealthService(lambda: [Check(CheckId.SERVICES, ask)])
    async with HealthPublisher(checks, units.subscribe, sinks, FakeClock()):
        yield


def of(*phases: tuple[str, Phase]) -> Health:
    found = seen(*(service(name, phase, "because") for name, phase in phases))
    return Health(tuple(evaluate_services(found)))


def test_before_the_claim_it_says_how_to_claim() -> None:
    said = text(FINE, False, ADDRESSES)
    assert "https://box/" in said
    assert "sudo cloister claim" in said


def test_afterwards_it_is_one_line() -> None:
    assert text(FINE, True, ADDRESSES) == "Cloister: everything serves at https://box/\n"
    assert text(FINE, None, ADDRESSES) == text(FINE, True, ADDRESSES)


def test_a_service_that_does_not_serve_comes_first() -> None:
    health = of(("nginx", Phase.WAITING), ("webchat@1", Phase.GAVE_UP))
    lines = text(health, True, ADDRESSES).splitlines()
    assert lines[0] == "Cloister: Something is wrong:"
    assert "Chat server 1 is not restarted any more" in lines[1]
    assert "The web server is not ready yet" in lines[2]
    assert "sudo cloister doctor" in lines[3]


def test_a_nearly_full_disk_is_said_at_the_login() -> None:
    said = text(Health((evaluate_disk(share_free(0.01), Path("/data")),)), True, ADDRESSES)
    assert "The disk is nearly full" in said


def test_what_starts_or_was_stopped_is_no_alarm_and_what_serves_has_its_address() -> None:
    starting = text(of(("ingest", Phase.STARTING)), None, ADDRESSES)
    assert starting.startswith("Cloister: Not everything has started yet:")
    stopped = text(of(("ingest", Phase.STOPPED)), True, ADDRESSES)
    assert "The document reader is stopped" in stopped
    assert "https://box/" in stopped


async def test_the_file_follows_the_services_and_is_readable_for_all(tmp_path: Path) -> None:
    path, units = tmp_path / "motd", FakeUnits()
    async with publishing(units, LoginMessage(Claim(True), lambda: ADDRESSES, path)):
        await until(path, lambda said: "everything serves" in said)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        units.change("ingest", Phase.GAVE_UP, "it ended too often")
        await until(path, lambda said: "The document reader is not restarted" in said)
        units.change("ingest", Phase.READY, "answers")
        await until(path, lambda said: "everything serves" in said)
    assert path.read_text() == NOT_SUPERVISED


async def test_it_notices_that_the_machine_was_claimed(tmp_path: Path) -> None:
    path, claim = tmp_path / "motd", Claim(None)
    async with publishing(FakeUnits(), LoginMessage(claim, lambda: ADDRESSES, path)):
        await until(path, lambda said: "cloister claim" not in said)
        claim.claimed = False
        await until(path, lambda said: "cloister claim" in said)
        claim.claimed = True
        await until(path, lambda said: "cloister claim" not in said)


async def test_it_is_written_only_when_it_changes(tmp_path: Path) -> None:
    path, claim = tmp_path / "motd", Claim(False)
    async with publishing(FakeUnits(), LoginMessage(claim, lambda: ADDRESSES, path)):
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
    async with publishing(units, LoginMessage(Claim(True), lambda: ADDRESSES, path)):
        path.parent.mkdir()
        units.change("ingest", Phase.GAVE_UP, "it ended too often")
        await until(path, lambda said: "The document reader is not restarted" in said)


async def test_systemd_shows_the_headline_and_the_worst(tmp_path: Path) -> None:
    told, path = Told(), tmp_path / "motd"
    line = StatusLine(cast("Notifier", told))
    units = FakeUnits()
    async with publishing(units, line, LoginMessage(Claim(True), lambda: ADDRESSES, path)):
        await until(path, lambda said: "everything serves" in said)
        units.change("ingest", Phase.GAVE_UP, "it ended too often")
        await until(path, lambda said: "The document reader" in said)
    assert told.lines[0] == "Everything runs"
    assert told.lines[1].startswith("Something is wrong: The document reader is not restarted")
    assert told.lines[2:] == ["The supervisor ends."]


async def test_chat_servers_read_how_the_runner_is_and_nothing_when_no_supervisor_runs(
    tmp_path: Path,
) -> None:
    path, conditions = tmp_path / "model-runner", [RunnerCondition.STARTING]

    async def condition() -> RunnerCondition:
        return conditions[-1]

    async with publishing(FakeUnits(), ConditionFile(path, condition)):
        await until(path, lambda said: said == "starting\n")
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        conditions.append(RunnerCondition.SERVING)
        await until(path, lambda said: said == "serving\n")
    assert not path.exists()
