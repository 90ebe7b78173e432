"""The verbs about units speak to the supervisor, and say what to do when it is not there."""

from __future__ import annotations

import argparse
import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from appliance.audit.model import AuditEvent
from appliance.cli.connection import Connection, RefusedError
from appliance.cli.context import Context
from appliance.cli.errors import NotRunningError, RightsMissingError, ServiceNotRunningError
from appliance.cli.output import ExitCode, Output
from appliance.cli.units import logs, status
from appliance.control.keys import Surroundings
from appliance.control.server import control_server
from appliance.core.settings import Settings
from appliance.health.checks.disk_space import evaluate_disk
from appliance.health.model import CheckResult
from appliance.supervisor.loop import Supervisor
from appliance.supervisor.model import Phase
from tests.builders.health import reporting, share_free
from tests.builders.services import services_without_database
from tests.fakes.clock import FakeClock
from tests.fakes.units import FakeUnits


def context(home: Path, *, packaged: bool = False) -> Context:
    settings = Settings(home=home, runtime=home / "run", packaged=packaged)
    return Context(settings, FakeClock(), Output(as_json=False))


@asynccontextmanager
async def served(units: FakeUnits, home: Path, *results: CheckResult) -> AsyncIterator[Context]:
    """Lend a context whose supervisor answers with these units, and results of checks."""
    found = context(home)
    found.settings.control_socket.parent.mkdir(parents=True)
    surroundings = Surroundings((), lambda: "code", _in_no_audit, reporting(*results))
    async with control_server(
        cast("Supervisor", units),
        services_without_database(),
        surroundings,
        found.settings.control_socket,
    ):
        yield found


async def _in_no_audit(_: AuditEvent) -> None:
    pass


def asked(unit: str, *, lines: int, follow: bool = False) -> argparse.Namespace:
    return argparse.Namespace(unit=unit, lines=lines, follow=follow)


async def test_the_last_lines_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    units = FakeUnits()
    units.write("postgres", "one", "two", "three")
    async with served(units, tmp_path) as found:
        await logs(found, asked("postgres", lines=2))
    assert capsys.readouterr().out == "two\nthree\n"


async def test_following_prints_the_last_lines_once_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    units, printed = FakeUnits(), ""
    units.write("postgres", "one", "two", "three")
    async with served(units, tmp_path) as found, asyncio.timeout(30):
        following = asyncio.create_task(logs(found, asked("postgres", lines=2, follow=True)))
        while not units.followers("postgres"):
            await asyncio.sleep(0.005)
        units.write("postgres", "four")
        while "four" not in printed:
            await asyncio.sleep(0.005)
            printed += capsys.readouterr().out
        following.cancel()
        await asyncio.wait({following})
    assert printed == "two\nthree\nfour\n"


async def test_what_is_written_while_the_last_lines_are_sent_is_not_lost(tmp_path: Path) -> None:
    units, between, seen = FakeUnits(), "written in between", [""]
    # More than all buffers on the way take, so that sending waits for a reader.
    units.write("postgres", *("x" * 8000 for _ in range(1000)))
    async with served(units, tmp_path) as found, asyncio.timeout(30):
        path = "/units/postgres/logs?follow=1&lines=1000"
        async with aclosing(found.control.lines("GET", path)) as lines:
            seen = [await anext(lines)]
            units.write("postgres", between)
            while seen[-1] != between:
                seen.append(await anext(lines))
        assert len(seen) == 1001
        while units.followers("postgres"):
            await asyncio.sleep(0.005)


async def test_following_a_unit_that_is_unknown_is_refused(tmp_path: Path) -> None:
    async with served(FakeUnits(), tmp_path) as found:
        with pytest.raises(RefusedError):
            await logs(found, asked("nobody", lines=2, follow=True))


@pytest.mark.parametrize(
    ("packaged", "advice"), [(True, "systemctl status cloister"), (False, "make run")]
)
async def test_without_a_supervisor_it_says_how_to_go_on(
    tmp_path: Path, packaged: bool, advice: str
) -> None:
    with pytest.raises(NotRunningError) as raised:
        await status(context(tmp_path, packaged=packaged), argparse.Namespace())
    assert advice in raised.value.advice
    assert isinstance(raised.value, ServiceNotRunningError) is packaged


def test_a_socket_of_another_account_is_no_missing_supervisor(tmp_path: Path) -> None:
    # Root may connect to every socket, so the kernel's refusal is made here.
    connection = Connection([tmp_path / "control.sock"], ServiceNotRunningError)
    refusal = connection._refusal(PermissionError(errno.EACCES, "Permission denied"))
    assert isinstance(refusal, RightsMissingError)
    assert "sudo" in refusal.advice


async def test_status_shows_the_services_and_all_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with served(FakeUnits(), tmp_path) as found:
        assert await status(found, argparse.Namespace()) is ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("SERVICE")
    assert lines[1].startswith("postgres")


async def test_what_needs_a_database_that_is_down_is_not_called_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    units = FakeUnits()
    units.change("postgres", Phase.STOPPED, "stopped by olga")
    async with served(units, tmp_path) as found:
        await status(found, argparse.Namespace())
    lines = capsys.readouterr().out.splitlines()
    (chat,) = [line for line in lines if line.startswith("webchat-1")]
    assert "waiting" in chat
    assert "needs the database" in chat
    assert "ready" not in chat


async def test_status_says_what_is_wrong_beside_the_services(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = evaluate_disk(share_free(0.02), tmp_path)
    async with served(FakeUnits(), tmp_path, full) as found:
        assert await status(found, argparse.Namespace()) is ExitCode.NOT_READY
    assert "failed: The disk is nearly full: 2% left" in capsys.readouterr().out
