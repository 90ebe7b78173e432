"""Which sessions count without the database, and what stands in the file."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from admin.remembered import LIMIT, RememberedSessions
from appliance.accounts.model import Account, Role
from tests.fakes.clock import START

OLGA = Account(uuid4(), "olga", "Olga O.", Role.OPERATOR, START, None)
DIGEST = "ab" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "console-sessions.json"


def test_a_session_outlives_the_process_in_a_private_file(path: Path) -> None:
    sessions = RememberedSessions(path)
    assert sessions.keep(DIGEST, OLGA, START)
    sessions.write()
    assert RememberedSessions(path).account(DIGEST, START) == OLGA
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_session_counts_for_hours_after_its_confirmation(path: Path) -> None:
    sessions = RememberedSessions(path)
    sessions.keep(DIGEST, OLGA, START)
    assert sessions.account(DIGEST, START + LIMIT - timedelta(seconds=1))
    assert sessions.account(DIGEST, START + LIMIT) is None
    # A clock that was set back must not prolong it.
    assert sessions.account(DIGEST, START - timedelta(seconds=1)) is None


def test_reading_pages_does_not_write_each_time(path: Path) -> None:
    sessions = RememberedSessions(path)
    sessions.keep(DIGEST, OLGA, START)
    sessions.write()
    assert not sessions.keep(DIGEST, OLGA, START + timedelta(minutes=1))
    assert sessions.keep(DIGEST, OLGA, START + timedelta(minutes=11))
    assert sessions.keep(DIGEST, replace(OLGA, display_name="Olga"), START)


def test_a_forgotten_session_is_gone_from_the_file(path: Path) -> None:
    sessions = RememberedSessions(path)
    sessions.keep(DIGEST, OLGA, START)
    sessions.write()
    assert sessions.forget(DIGEST)
    sessions.write()
    assert RememberedSessions(path).account(DIGEST, START) is None
    assert not sessions.forget(DIGEST)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"ab": {}}', '{"ab": 1}', '{"ab": {"id": 1}}'])
def test_a_damaged_file_remembers_nobody(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    assert RememberedSessions(path).digests() == []


def test_the_oldest_is_dropped_when_there_are_too_many(path: Path) -> None:
    sessions = RememberedSessions(path)
    for number in range(101):
        sessions.keep(f"{number:064}", OLGA, START + timedelta(seconds=number))
    assert len(sessions.digests()) == 100
    assert sessions.account(f"{0:064}", START + timedelta(seconds=100)) is None


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way")
    sessions = RememberedSessions(tmp_path / "state" / "console-sessions.json")
    sessions.keep(DIGEST, OLGA, START)
    sessions.write()
    assert sessions.account(DIGEST, START) == OLGA
