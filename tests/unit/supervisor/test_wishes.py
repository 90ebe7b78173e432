"""What is to stay down is remembered, and forgetting it harms nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from appliance.supervisor.wishes import Wishes
from tests.fakes.clock import START

LATER = START + timedelta(hours=1)


def test_the_next_supervisor_knows_what_stays_down_and_since_when(tmp_path: Path) -> None:
    wishes = Wishes(tmp_path / "wishes.json")
    assert wishes.read() == {}
    wishes.keep(["nginx"], START)
    wishes.keep(["ingest", "nginx"], LATER)
    assert Wishes(tmp_path / "wishes.json").read() == {"ingest": LATER, "nginx": START}
    wishes.keep(["ingest"], LATER)
    assert Wishes(tmp_path / "wishes.json").read() == {"ingest": LATER}


def test_the_file_is_written_when_a_wish_changes_and_not_again(tmp_path: Path) -> None:
    wishes = Wishes(tmp_path / "wishes.json")
    wishes.keep([], START)
    assert not (tmp_path / "wishes.json").exists()
    wishes.keep(["nginx"], START)
    (tmp_path / "wishes.json").unlink()
    wishes.keep(["nginx"], LATER)
    assert not (tmp_path / "wishes.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nginx": 3}', '{"nginx": "soon"}', "\udcff"])
def test_a_broken_file_is_no_wish(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "wishes.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert Wishes(path).read() == {}
    assert "is forgotten" in caplog.text


def test_a_wish_that_finds_no_room_is_kept_when_there_is_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wishes = Wishes(tmp_path / "none" / "wishes.json")
    wishes.keep(["nginx"], START)
    wishes.keep(["nginx"], START)
    assert caplog.text.count("not remembered yet") == 1
    (tmp_path / "none").mkdir()
    wishes.keep(["nginx"], LATER)
    assert Wishes(tmp_path / "none" / "wishes.json").read() == {"nginx": LATER}
