"""The signs of life of a process: they come from a thread, whatever its loop does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.core import heartbeat as module
from appliance.core.heartbeat import Beat, heartbeat, read_beat


@pytest.fixture(autouse=True)
def _beat_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)


async def _until(path: Path, condition: Callable[[Beat], bool]) -> Beat:
    """Wait for a sign of life with the loop running."""
    async with asyncio.timeout(30):
        while not ((beat := read_beat(path)) and condition(beat)):
            await asyncio.sleep(0.005)
    return beat


async def test_it_says_which_process_lives_and_when_its_loop_turned(tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.heartbeat"
    async with heartbeat(path):
        first = await _until(path, lambda _: True)
        assert first.pid == os.getpid()
        later = await _until(path, lambda beat: beat.turned > first.turned)
        assert first.turned < later.turned <= later.written
        assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRGRP
    assert read_beat(path) is None


async def test_a_loop_that_is_busy_does_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "a.heartbeat"
    async with heartbeat(path):
        first = await _until(path, lambda _: True)
        # Nothing here gives the loop a turn.
        while (beat := read_beat(path)) is None or beat.written < first.written + 0.2:
            time.sleep(0.005)
        assert beat.written - beat.turned > 0.1


async def test_it_goes_on_when_the_disk_has_room_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    path = folder / "a.heartbeat"
    async with heartbeat(path):
        await _until(path, lambda _: True)
        while not folder.is_file():
            # The thread may make the folder again at any moment.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                folder.rmdir()
                folder.write_text("in the way")
        async with asyncio.timeout(30):
            while "heartbeat cannot be written" not in caplog.text:
                await asyncio.sleep(0.005)
        folder.unlink()
        await _until(path, lambda _: True)
    assert caplog.text.count("heartbeat cannot be written") == 1


@pytest.mark.parametrize("text", ["", "1 2", "a b c", "1 2 3 4", "\xff"])
def test_a_file_that_is_none_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.heartbeat"
    path.write_text(text, "latin-1")
    assert read_beat(path) is None
    assert read_beat(tmp_path / "none") is None
