"""How much memory PostgreSQL may use while it builds an index of vectors.

What does not fit is inserted into the index on the disk, which is much slower
(https://github.com/pgvector/pgvector#index-build-time).
"""

from __future__ import annotations

import os

from appliance.core.variables import MEBIBYTE
from appliance.db.pool import Connection

# A small machine needs its memory for the model; a large one has room for any index of ours.
_LEAST, _MOST = 256, 2048
_PART = 16


def index_memory(machine: int) -> int:
    """Return how many MiB an index may take on a machine with so many bytes of memory."""
    return max(_LEAST, min(_MOST, machine // _PART // MEBIBYTE))


async def allow_index_memory(connection: Connection) -> None:
    """Let this session build an index with a sixteenth of the machine's memory."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    await connection.execute(
        "SELECT set_config('maintenance_work_mem', %s, false)", (f"{index_memory(machine)}MB",)
    )
