"""The files between the two sides of an operation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.operations.folder import OperationFolder
from appliance.operations.model import Outcome, Progress, Result


@pytest.fixture
def folder(tmp_path: Path) -> OperationFolder:
    return OperationFolder(tmp_path)


def test_a_request_is_read_once_and_leaves_no_file(folder: OperationFolder) -> None:
    folder.ask({"work": "verify", "recovery_key": "7K2Q"})
    assert folder.take_request() == {"work": "verify", "recovery_key": "7K2Q"}
    assert list(folder.path.iterdir()) == []
    assert folder.take_request() == {}


def test_a_new_request_removes_what_the_last_run_left(folder: OperationFolder) -> None:
    folder.say(Progress("Saving.", 1, 2))
    folder.log("Saving.")
    folder.end(Result(Outcome.DONE, {"snapshot": "ab"}))
    folder.ask({})
    assert (folder.progress(), folder.lines(0), folder.result()) == (None, [], None)


def test_what_one_side_says_the_other_reads(folder: OperationFolder) -> None:
    folder.say(Progress("Saving.", 1, 2))
    folder.log("one\nline")
    folder.log("another")
    assert folder.progress() == Progress("Saving.", 1, 2)
    assert (folder.lines(0), folder.lines(1)) == (["one line", "another"], ["another"])
    with (folder.path / "log").open("a") as file:
        file.write("half a li")
    assert folder.lines(2) == []


def test_a_result_is_taken_once(folder: OperationFolder) -> None:
    result = Result(
        Outcome.FAILED, code="full", facts={"free": 1}, message="Full.", hint="Free it."
    )
    folder.end(result)
    assert folder.result() == result
    assert folder.take_result() == result
    assert folder.take_result() is None


@pytest.mark.parametrize("content", ["", "no JSON", "[]", '{"outcome": "maybe"}', '{"x": 1}'])
def test_a_wrong_file_counts_as_none(folder: OperationFolder, content: str) -> None:
    for name in ("result", "progress"):
        (folder.path / name).write_text(content)
    assert (folder.result(), folder.progress()) == (None, None)


def test_a_link_is_not_followed_and_a_pipe_does_not_block(
    folder: OperationFolder, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"sentence": "of another file", "done": null, "total": null}')
    (folder.path / "progress").symlink_to(secret)
    os.mkfifo(folder.path / "result")
    assert (folder.progress(), folder.result()) == (None, None)
