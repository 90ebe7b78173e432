"""Lines of the journal."""

from __future__ import annotations

import json

import pytest

from appliance.units.journal import follow_command, read_entry


def lines(message: object) -> tuple[str, ...]:
    entry = read_entry(json.dumps({"MESSAGE": message}).encode())
    assert entry
    return entry.lines


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("hello", ("hello",)),
        ("one\ntwo\n", ("one", "two")),
        ([104, 105, 255], ("hi\ufffd",)),
        (["first", "second"], ("first", "second")),
        ([[104, 105], "there"], ("hi", "there")),
        (None, ("(a message that is no text)",)),
        ("x" * 9000, ("x" * 8192,)),
    ],
)
def test_a_message_may_be_text_bytes_several_or_nothing(
    message: object, expected: tuple[str, ...]
) -> None:
    assert lines(message) == expected


def test_what_a_message_is_about_comes_before_who_wrote_it() -> None:
    fields = {"UNIT": "a.service", "_SYSTEMD_UNIT": "init.scope", "MESSAGE": "m", "__CURSOR": "c"}
    entry = read_entry(json.dumps(fields).encode())
    assert entry
    assert entry.units == ("a.service", "init.scope")
    assert entry.cursor == "c"


@pytest.mark.parametrize("line", [b"-- No entries --", b"[1]", b"\xff"])
def test_what_is_no_entry_is_none(line: bytes) -> None:
    assert read_entry(line) is None


def test_the_follower_begins_with_the_last_lines_or_after_what_was_read() -> None:
    first = follow_command(("journalctl",), ("a.service", "b.service"), None)
    assert first[0] == "journalctl"
    assert "--lines=1000" in first
    assert first[-2:] == ("--unit=a.service", "--unit=b.service")
    later = follow_command(("journalctl",), ("a.service",), "s=1;i=2")
    assert "--after-cursor=s=1;i=2" in later
    assert "--lines=1000" not in later
