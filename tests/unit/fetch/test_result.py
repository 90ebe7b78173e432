"""The result of a download travels as a code and facts, by a file that is not trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.core.errors import ApplianceError
from appliance.core.variables import SettingError
from appliance.fetch import result
from appliance.fetch.errors import (
    DamagedError,
    DiskFullError,
    FetchStoppedError,
    ReportedError,
    StalledError,
)
from appliance.fetch.names import ModelName
from appliance.fetch.result import FetchResult, Outcome, result_file
from appliance.llm.errors import CloudModelRefusedError

NAME = ModelName.parse("mistral/small:7b-q4")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = result_file(tmp_path, NAME)
    result.reserve(path)
    return path


@pytest.mark.parametrize(
    "error",
    [
        DiskFullError(model=NAME),
        StalledError(model=str(NAME), attempts=5),
        DamagedError(model=NAME, reason="part 0123 is not whole"),
        FetchStoppedError(model=NAME),
        CloudModelRefusedError(model=NAME),
    ],
)
def test_an_error_comes_back_as_what_it_was(file: Path, error: ApplianceError) -> None:
    result.write(file, FetchResult.of(error))
    read = result.read(file)
    assert read is not None
    again = read.error
    assert type(again) is type(error)
    assert again is not None
    assert again.as_json() == error.as_json()


def test_an_error_of_another_part_comes_back_in_its_words(file: Path) -> None:
    error = SettingError(name="CLOISTER_PORT", value="x", expected="a number")
    result.write(file, FetchResult.of(error))
    read = result.read(file)
    assert read is not None
    assert isinstance(read.error, ReportedError)
    assert read.error.message == error.message
    assert read.error.advice == error.advice


def test_facts_that_do_not_fit_the_code_leave_the_words(file: Path) -> None:
    result.write(file, FetchResult(Outcome.FAILED, "fetch_stalled", {}, "It stalled.", "Wait."))
    read = result.read(file)
    assert read is not None
    assert isinstance(read.error, ReportedError)


def test_what_was_killed_has_written_no_error(file: Path) -> None:
    read = result.read(file)
    assert read is not None
    assert read.outcome is Outcome.RUNNING
    assert read.error is None


def test_a_model_that_arrived_has_no_error(file: Path) -> None:
    result.write(file, FetchResult.of(None))
    read = result.read(file)
    assert read == FetchResult(Outcome.FETCHED)


def test_on_a_full_disk_the_reserved_room_is_used(file: Path) -> None:
    before = file.stat()
    result.write(file, FetchResult.of(DiskFullError(model=NAME)))
    after = file.stat()
    assert (after.st_ino, after.st_size, after.st_blocks) == (
        before.st_ino,
        before.st_size,
        before.st_blocks,
    )


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"outcome": "odd"}', b"\xff" * 9999])
def test_what_is_no_result_is_none(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert result.read(file) is None


def test_a_link_a_pipe_or_a_folder_is_no_result(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    result.reserve(secret)
    file.unlink()
    file.symlink_to(secret)
    assert result.read(file) is None
    file.unlink()
    os.mkfifo(file)
    assert result.read(file) is None
    file.unlink()
    file.mkdir()
    assert result.read(file) is None


def test_a_result_belongs_to_one_model_only(tmp_path: Path) -> None:
    names = [ModelName.parse(text) for text in ("a/b", "a-b", "b", "b:other")]
    assert len({result_file(tmp_path, name) for name in names}) == len(names)
    assert {result_file(tmp_path, name).parent for name in names} == {tmp_path / "incoming"}
