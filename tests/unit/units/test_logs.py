"""A unit's log."""

from __future__ import annotations

import asyncio
from pathlib import Path

from appliance.units.log_buffer import KEPT_LINES
from appliance.units.logs import LONGEST_LINE, UnitLog


async def test_blocks_become_lines(tmp_path: Path) -> None:
    log = UnitLog(tmp_path / "one.log")
    await log.append(b"first\nsec")
    assert log.lines(10) == ("first",)
    await log.append(b"ond\nthird")
    await log.finish()
    assert log.lines(2) == ("second", "third")
    assert log.lines(0) == ()
    assert (tmp_path / "one.log").read_text() == "first\nsecond\nthird\n"


async def test_a_file_is_turned_over_by_size_and_two_are_kept(tmp_path: Path) -> None:
    log = UnitLog(tmp_path / "one.log", size=10)
    for word in ("aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"):
        await log.append(f"{word}\n".encode())
    names = {path.name: path.read_text().strip() for path in tmp_path.iterdir()}
    assert names == {"one.log": "dddddddd", "one.log.1": "cccccccc", "one.log.2": "bbbbbbbb"}


async def test_text_that_is_no_utf_8_and_lines_without_end_are_taken(tmp_path: Path) -> None:
    log = UnitLog(tmp_path / "one.log")
    await log.append(b"\xff\n")
    await log.append(b"x" * (LONGEST_LINE + 1))
    assert log.lines(2) == ("\ufffd", "x" * (LONGEST_LINE + 1))


async def test_what_is_not_to_be_recorded_reaches_neither_file_nor_memory(tmp_path: Path) -> None:
    log = UnitLog(tmp_path / "one.log", edit=lambda line: line.partition(b", secret")[0])
    # A block may end anywhere.
    for block in (b"it failed, sec", b"ret: ", b"x\nfine\n, secr", b"et"):
        await log.append(block)
    await log.finish()
    assert log.lines(10) == ("it failed", "fine", "")
    assert (tmp_path / "one.log").read_text() == "it failed\nfine\n\n"


async def test_a_disk_that_cannot_be_written_loses_no_line_in_memory(tmp_path: Path) -> None:
    log = UnitLog(tmp_path / "missing" / "one.log")
    await log.append(b"still here\n")
    assert log.lines(1) == ("still here",)


async def test_a_slow_listener_loses_the_oldest_lines_only(tmp_path: Path) -> None:
    log = UnitLog(tmp_path / "one.log")
    lines = log.follow()
    first = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    await log.append(b"first\n")
    assert await first == "first"
    await log.append(b"".join(b"%d\n" % n for n in range(KEPT_LINES + 5)))
    assert await anext(lines) == "5"
    await lines.aclose()  # type: ignore[attr-defined]
