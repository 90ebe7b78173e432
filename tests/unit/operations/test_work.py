"""The side that works: its request, what it says, and its end in every case."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError, InvalidInputError
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Facts, Outcome, Progress
from appliance.operations.work import Reporter, carry_out
from tests.fakes.clock import FakeClock


@pytest.fixture
def folder(tmp_path: Path) -> OperationFolder:
    return OperationFolder(tmp_path)


async def test_it_says_what_it_found(folder: OperationFolder) -> None:
    async def work(request: Facts, report: Reporter) -> Facts:
        report.progress(Progress("Working."))
        return {"doubled": int(str(request["number"])) * 2}

    folder.ask({"number": 21})
    assert await carry_out(folder, work, SystemClock())
    result = folder.result()
    assert result is not None
    assert (result.outcome, result.found) == (Outcome.DONE, {"doubled": 42})
    assert folder.lines(0) == ["Working."]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInputError(problem="Too big.", remedy="Cut it."), InvalidInputError.code),
        (ZeroDivisionError(), ApplianceError.code),
    ],
)
async def test_an_error_is_its_end_in_words(
    folder: OperationFolder, error: Exception, code: str
) -> None:
    async def work(_: Facts, __: Reporter) -> Facts:
        raise error

    folder.ask({})
    assert not await carry_out(folder, work, SystemClock())
    result = folder.result()
    assert result is not None
    assert (result.outcome, result.code) == (Outcome.FAILED, code)
    assert result.message
    assert result.hint


async def test_a_signal_cancels_it(folder: OperationFolder) -> None:
    began = asyncio.Event()

    async def work(_: Facts, __: Reporter) -> Facts:
        began.set()
        await asyncio.Event().wait()
        return {}

    folder.ask({})
    carried = asyncio.create_task(carry_out(folder, work, SystemClock()))
    await began.wait()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        assert await carried is False
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
    result = folder.result()
    assert result is not None
    assert result.outcome is Outcome.CANCELLED


def test_progress_is_written_at_most_twice_a_second(folder: OperationFolder) -> None:
    clock = FakeClock()
    report = Reporter(folder, clock)
    report.progress(Progress("Saving.", 1, 9))
    report.progress(Progress("Saving.", 2, 9))
    assert folder.progress() == Progress("Saving.", 1, 9)
    clock.advance(0.6)
    report.progress(Progress("Saving.", 3, 9))
    assert folder.progress() == Progress("Saving.", 3, 9)
    report.progress(Progress("Comparing."))
    assert folder.progress() == Progress("Comparing.")
    assert folder.lines(0) == ["Saving.", "Comparing."]
