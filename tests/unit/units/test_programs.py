"""Which programs of a machine are used."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.units import programs
from appliance.units.programs import find_programs


async def test_a_folder_of_an_ancient_postgresql_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("9.6", "17"):
        (tmp_path / version).mkdir()
    monkeypatch.setattr(programs, "SYSTEM_POSTGRES", tmp_path)
    await find_programs(Settings(home=tmp_path, nginx="off"))
