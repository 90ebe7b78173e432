"""An index of vectors is built in memory, as far as the machine has it."""

from __future__ import annotations

import pytest

from appliance.db.index_memory import allow_index_memory, index_memory
from appliance.db.pool import Database

GIBIBYTE = 1024**3


@pytest.mark.parametrize(
    ("machine", "mebibytes"), [(2, 256), (4, 256), (16, 1024), (32, 2048), (512, 2048)]
)
def test_it_is_a_part_of_the_machine_within_bounds(machine: int, mebibytes: int) -> None:
    assert index_memory(machine * GIBIBYTE) == mebibytes


async def test_only_the_session_that_builds_has_it(database: Database) -> None:
    async with database.held_connection() as building, database.connection() as other:
        before = await (await other.execute("SHOW maintenance_work_mem")).fetchone()
        await building.execute("SET maintenance_work_mem = '1MB'")
        await allow_index_memory(building)
        found = await (
            await building.execute(
                "SELECT setting::bigint / 1024 FROM pg_settings WHERE name = 'maintenance_work_mem'"
            )
        ).fetchone()
        assert found is not None
        assert 256 <= found[0] <= 2048
        assert await (await other.execute("SHOW maintenance_work_mem")).fetchone() == before
