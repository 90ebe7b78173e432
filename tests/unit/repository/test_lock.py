"""Many may add and read at once; who removes is alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.repository.errors import RepositoryBusyError
from appliance.repository.lock import exclusive, shared

CLOCK = SystemClock()


async def test_readers_share_and_the_remover_is_alone(tmp_path: Path) -> None:
    path = tmp_path / "operations" / "repository.lock"
    async with shared(path, CLOCK, patience=0), shared(path, CLOCK, patience=0):
        with pytest.raises(RepositoryBusyError):
            async with exclusive(path, CLOCK, patience=0):
                pass
    async with exclusive(path, CLOCK, patience=0):
        for lock in (shared, exclusive):
            with pytest.raises(RepositoryBusyError):
                async with lock(path, CLOCK, patience=0.1):
                    pass
    async with shared(path, CLOCK, patience=0):
        pass
