"""A stop is remembered with who asked for it, and losing the file harms nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from appliance.supervisor.desired_state import Request, StoppedUnits
from tests.fakes.clock import START

ANNA = Request("Anna", START)
LATER = Request("Bert", START + timedelta(hours=1))


def test_the_next_supervisor_knows_what_stays_stopped_by_whom_and_since_when(
    tmp_path: Path,
) -> None:
    units = StoppedUnits(tmp_path / "stopped.json")
    assert units.read() == {}
    units.keep({"nginx": ANNA})
    units.keep({"nginx": ANNA, "ingest": LATER})
    assert StoppedUnits(tmp_path / "stopped.json").read() == {"ingest": LATER, "nginx": ANNA}
    units.keep({"ingest": LATER})
    assert StoppedUnits(tmp_path / "stopped.json").read() == {"ingest": LATER}


def test_the_file_is_written_when_something_changes_and_not_again(tmp_path: Path) -> None:
    units = StoppedUnits(tmp_path / "stopped.json")
    units.keep({})
    assert not (tmp_path / "stopped.json").exists()
    units.keep({"nginx": ANNA})
    (tmp_path / "stopped.json").unlink()
    units.keep({"nginx": ANNA})
    assert not (tmp_path / "stopped.json").exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"nginx": 3}', '{"nginx": {"by": "Anna", "at": "soon"}}', "\udcff"],
)
def test_a_broken_file_stops_no_unit(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "stopped.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert StoppedUnits(path).read() == {}
    assert "are not known" in caplog.text


def test_a_stop_that_finds_no_room_is_kept_when_there_is_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    units = StoppedUnits(tmp_path / "none" / "stopped.json")
    units.keep({"nginx": ANNA})
    units.keep({"nginx": ANNA})
    assert caplog.text.count("not saved yet") == 1
    (tmp_path / "none").mkdir()
    units.keep({"nginx": ANNA})
    assert StoppedUnits(tmp_path / "none" / "stopped.json").read() == {"nginx": ANNA}
