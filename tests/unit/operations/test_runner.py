"""The side that asks: follows an operation, returns what it found, and leaves none behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.core.errors import InvalidInputError
from appliance.operations import runner as runner_module
from appliance.operations.catalog import DRILL, SET
from appliance.operations.errors import (
    OperationBusyError,
    OperationCancelledError,
    OperationError,
    OperationLostError,
)
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Facts, Outcome, Progress, Result
from appliance.operations.runner import NoFollower, OperationRunner
from tests.fakes.operations import FakeOperations, fake_runner

WAIT = 5.0


class Listener:
    """Keeps what it is told; `refuse` is raised instead."""

    def __init__(self, refuse: Exception | None = None) -> None:
        self.said: list[str] = []
        self._refuse = refuse

    async def progress(self, progress: Progress) -> None:
        self.said.append(f"{progress.sentence} {progress.done}/{progress.total}")

    async def log(self, line: str) -> None:
        if self._refuse:
            raise self._refuse
        self.said.append(line)


@pytest.fixture
def parts(tmp_path: Path) -> tuple[OperationRunner, FakeOperations]:
    return fake_runner(tmp_path, SystemClock())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not holds():
            await asyncio.sleep(0.01)


async def test_it_returns_what_was_found(parts: tuple[OperationRunner, FakeOperations]) -> None:
    runner, operations = parts
    operations.answers["set"] = lambda request: {"asked": request["models"]}
    assert await runner.run(SET, {"models": []}, NoFollower()) == {"asked": []}


async def test_the_words_of_the_operation_are_those_of_the_error(
    parts: tuple[OperationRunner, FakeOperations],
) -> None:
    runner, operations = parts

    def refuse(_: Facts) -> Facts:
        raise InvalidInputError(problem="The disk is full.", remedy="Free 3 GB.")

    operations.answers["set"] = refuse
    with pytest.raises(OperationError, match="The disk is full") as caught:
        await runner.run(SET, {}, NoFollower())
    assert caught.value.as_json() == {
        "code": "invalid_input",
        "message": "The disk is full.",
        "hint": "Free 3 GB.",
    }


async def test_a_process_that_ends_without_a_word_is_lost(
    parts: tuple[OperationRunner, FakeOperations],
) -> None:
    runner, _ = parts
    with pytest.raises(OperationLostError, match="set"):
        await runner.run(SET, {}, NoFollower())


async def test_it_passes_on_progress_and_each_line_once(
    parts: tuple[OperationRunner, FakeOperations], tmp_path: Path
) -> None:
    runner, operations = parts
    operations.held.add("set")
    listener, folder = Listener(), OperationFolder(tmp_path / "set")
    running = asyncio.create_task(runner.run(SET, {}, listener))
    await until(lambda: "set" in operations.running)
    folder.log("first")
    await until(lambda: listener.said == ["first"])
    folder.say(Progress("Saving.", 1, 2))
    await until(lambda: len(listener.said) == 2)
    folder.log("last")
    operations.finish("set", {"snapshot": "ab"})
    assert await running == {"snapshot": "ab"}
    assert listener.said == ["first", "Saving. 1/2", "last"]


async def test_one_request_at_a_time_and_other_operations_go_on(
    parts: tuple[OperationRunner, FakeOperations],
) -> None:
    runner, operations = parts
    operations.held.add("set")
    operations.answers["drill"] = lambda _: {}
    running = asyncio.create_task(runner.run(SET, {}, NoFollower()))
    await until(lambda: "set" in operations.running)
    assert await runner.is_busy(SET)
    with pytest.raises(OperationBusyError):
        await runner.run(SET, {}, NoFollower())
    assert await runner.run(DRILL, {}, NoFollower()) == {}
    operations.finish("set", {})
    await running
    assert not await runner.is_busy(SET)


async def test_what_another_asker_has_started_is_not_taken_for_ours(
    parts: tuple[OperationRunner, FakeOperations],
) -> None:
    runner, operations = parts
    operations.running.add("drill")
    with pytest.raises(OperationBusyError):
        await runner.run(DRILL, {"source": 2}, NoFollower())
    assert operations.requests == []


@pytest.mark.parametrize(
    ("keeps", "leaving", "stopped"),
    [(True, True, []), (True, False, ["set"]), (False, True, ["set"]), (False, False, ["set"])],
)
async def test_cancelled_it_ends_the_operation_unless_the_next_asker_goes_on(
    parts: tuple[OperationRunner, FakeOperations],
    keeps: bool,
    leaving: bool,
    stopped: list[str],
    tmp_path: Path,
) -> None:
    runner, operations = parts
    (tmp_path / "set").mkdir()
    operations.held.add("set")
    operations.keeps_operations = keeps
    running = asyncio.create_task(runner.run(SET, {}, NoFollower()))
    await until(lambda: "set" in operations.running)
    runner.leaving = leaving
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert operations.stopped == stopped


async def test_the_next_asker_follows_what_still_works(
    parts: tuple[OperationRunner, FakeOperations], tmp_path: Path
) -> None:
    runner, operations = parts
    (tmp_path / "set").mkdir()
    operations.running.add("set")
    running = asyncio.create_task(runner.run(SET, {}, NoFollower(), resumed=True))
    await asyncio.sleep(0.05)
    operations.finish("set", {"snapshot": "ab"})
    assert await running == {"snapshot": "ab"}
    assert operations.requests == []


async def test_the_next_asker_takes_the_result_that_came_meanwhile_once(
    parts: tuple[OperationRunner, FakeOperations], tmp_path: Path
) -> None:
    runner, operations = parts
    (tmp_path / "set").mkdir()
    operations.finish("set", {"snapshot": "ab"})
    assert await runner.run(SET, {}, NoFollower(), resumed=True) == {"snapshot": "ab"}
    operations.answers["set"] = lambda _: {"snapshot": "cd"}
    assert await runner.run(SET, {}, NoFollower(), resumed=True) == {"snapshot": "cd"}
    assert len(operations.requests) == 1


async def test_an_operation_that_no_one_can_follow_is_ended(
    parts: tuple[OperationRunner, FakeOperations], tmp_path: Path
) -> None:
    runner, operations = parts
    operations.held.add("set")
    listener = Listener(InvalidInputError(problem="closed", remedy=""))
    running = asyncio.create_task(runner.run(SET, {}, listener))
    await until(lambda: "set" in operations.running)
    OperationFolder(tmp_path / "set").log("a line")
    with pytest.raises(InvalidInputError):
        await running
    assert operations.stopped == ["set"]


async def test_a_cancelled_operation_says_so(
    parts: tuple[OperationRunner, FakeOperations], tmp_path: Path
) -> None:
    runner, operations = parts
    (tmp_path / "set").mkdir()
    OperationFolder(tmp_path / "set").end(Result(Outcome.CANCELLED))
    with pytest.raises(OperationCancelledError):
        await runner.run(SET, {}, NoFollower(), resumed=True)
    assert operations.requests == []


async def test_a_process_that_has_said_how_it_ended_and_does_not_leave_is_ended(
    parts: tuple[OperationRunner, FakeOperations], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_LEAVES_WITHIN", 0.0)
    monkeypatch.setattr(runner_module, "_POLL_SECONDS", 0.01)
    runner, operations = parts
    operations.held.add("set")
    running = asyncio.create_task(runner.run(SET, {}, NoFollower()))
    await until(lambda: "set" in operations.running)
    OperationFolder(tmp_path / "set").end(Result(Outcome.DONE, {"snapshot": "ab"}))
    assert await running == {"snapshot": "ab"}
    assert operations.stopped == ["set"]
