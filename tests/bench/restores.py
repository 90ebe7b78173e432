"""How long a drill takes, and how long it is from an empty machine to the first answer.

`python -m tests.bench.restores [CHUNKS]` measures with so many chunks of 384 dimensions, such as
300000; the table of `make bench` has the rows of a smaller database.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from appliance.core.settings import Settings
from tests.bench.sets import CHUNKS, CHUNKS_A_DOCUMENT, DIMENSIONS, FILE_SIZE
from tests.bench.table import Row, rendered
from tests.builders.restores import (
    Machine,
    hand_over,
    restored_database,
    rows_at,
    run_operation,
    settings_in,
)
from tests.postgres import running_server

# Seconds for 1,000 chunks without the index of vectors, and with it.
EXACT_GOAL, INDEX_GOAL = 0.4, 1.5
_QUESTION = (
    "SELECT c.id FROM library.chunk c JOIN library.embedding e ON e.chunk_id = c.id ORDER BY"
    " e.vector <=> (SELECT vector FROM library.embedding ORDER BY chunk_id DESC LIMIT 1) LIMIT 8"
)


def main() -> None:
    """Measure drills and a restore alone, and print their rows."""
    chunks = int(sys.argv[1]) if len(sys.argv) > 1 else CHUNKS
    rows, note = restore_rows(chunks)
    print(rendered(rows))
    print(f"\n- {note}")


def restore_rows(chunks: int) -> tuple[list[Row], str]:
    """Measure with a database and documents that are made for it; return rows and a note."""
    with TemporaryDirectory(prefix="cloister-bench-restores-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with running_server(folder) as server:
            asyncio.run(server.make_database())
            settings = settings_in(folder / "home")
            settings.database_socket.symlink_to(server.socket)
            hand_over(settings.home)
            machine = Machine(settings, server)
            digests = machine.add_documents(max(1, chunks // CHUNKS_A_DOCUMENT), FILE_SIZE)
            machine.add_chunks(digests, CHUNKS_A_DOCUMENT, DIMENSIONS)
            machine.run("set")
            drill, _ = _timed(settings, "drill", {})
            indexed, _ = _timed(settings, "drill", {"index": True})
            answered, restored = _first_answer(machine, folder / "empty")
    return (
        [
            _row("drill", drill, chunks, EXACT_GOAL),
            _row("drill with the index of vectors", indexed, chunks, INDEX_GOAL),
            _row(
                "empty machine to the first answer",
                answered,
                chunks,
                EXACT_GOAL,
            ),
        ],
        (
            f"restores: one run each; the restore itself took {restored:.1f} s, with "
            f"{len(digests):,} documents of {FILE_SIZE // 1000} kB; the answer is exact search, "
            "before the index is built. At a few thousand chunks the fixed part counts most: the "
            "start of servers, and the derivation of the key for each work on the repository"
        ),
    )


def _first_answer(machine: Machine, home: Path) -> tuple[float, float]:
    """Restore on an empty machine; return the seconds to the first answer, and of the restore."""
    empty = settings_in(home)
    empty.state.mkdir()
    shutil.copy(machine.settings.state / "backup.key", empty.state)
    hand_over(home)
    begin = time.perf_counter()
    place = {"address": str(machine.settings.repository)}
    restored, _ = _timed(empty, "restore", {**place, "what": "everything"})
    with restored_database(empty) as address:
        assert len(rows_at(address, _QUESTION)) > 0
        return time.perf_counter() - begin, restored


def _timed(
    settings: Settings, name: str, request: Mapping[str, object]
) -> tuple[float, Mapping[str, Any]]:
    begin = time.perf_counter()
    found = run_operation(settings, name, request, patience=24 * 3600.0)
    return time.perf_counter() - begin, found


def _row(name: str, seconds: float, chunks: int, goal: float) -> Row:
    each = seconds / chunks * 1000
    return Row(
        f"{name}, {chunks:,} chunks",
        f"{seconds:.1f} s",
        "nothing to compare with",
        f"{each:.2f} s per 1,000 chunks",
        f"≤ {goal} s per 1,000 at {CHUNKS:,}",
        each <= goal if chunks >= CHUNKS else None,
    )


if __name__ == "__main__":
    main()
