"""How long a set and a hot snapshot take, beside the programs that they are made with.

`python -m tests.bench.sets [CHUNKS]` measures with so many chunks of 384 dimensions, such as
300000; the table of `make bench` has the rows of a smaller database.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import aiohttp

from appliance.core.settings import from_environment
from tests.appliance import ROOT, Appliance
from tests.bench.figures import figures, times
from tests.bench.load import Plan, closed_loop
from tests.bench.search import search_once
from tests.bench.table import Row, rendered
from tests.builders.backups import BackedUp, backed_up
from tests.postgres import binaries, running_server

CHUNKS = 300_000
CHUNKS_A_DOCUMENT, DIMENSIONS, FILE_SIZE = 30, 384, 100_000
RUNS = 3
SET_GOAL, HOT_GOAL, SEARCH_GOAL = 1.10, 3.0, 1.5
READERS, THINK_SECONDS = 4, 0.2
# What the supervisor of a clone starts operations with.
GIVING_WAY = ("nice", "-n10", "ionice", "-c3")


def main() -> None:
    """Measure sets and hot snapshots alone, and print their rows."""
    chunks = int(sys.argv[1]) if len(sys.argv) > 1 else CHUNKS
    rows, note = set_rows(chunks)
    print(rendered(rows))
    print(f"\n- {note}")


def set_rows(chunks: int) -> tuple[list[Row], str]:
    """Measure with a database and documents that are made for it; return rows and a note."""
    with TemporaryDirectory(prefix="cloister-bench-sets-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with running_server(folder) as server:
            asyncio.run(server.make_database())
            home = backed_up(server, folder, with_repository=False)
            _fill(home, chunks)
            plain, ours = [], []
            # In turn: what else the machine does slows both.
            for _ in range(RUNS):
                plain.append(_timed(lambda: _plain(home, folder / "plain")))
                ours.append(_timed(lambda: _first_set(home)))
            hot = [_timed(lambda: _changed(home)) for _ in range(RUNS)]
            skipped = _timed(lambda: _carried_out(home, "hot"))
    return (
        [
            Row(
                f"first set of {chunks:,} chunks",
                f"{median(ours):.1f} s",
                f"pg_dump, then restic backup: {median(plain):.1f} s",
                times(median(ours) / median(plain)),
                f"at most {times(SET_GOAL)}",
                median(ours) <= SET_GOAL * median(plain),
            ),
            Row(
                f"hot snapshot after a change, {chunks:,} chunks",
                f"{median(hot):.1f} s",
                f"nothing changed: {skipped:.1f} s",
                times(median(hot) / skipped),
                f"≤ {HOT_GOAL:.0f} s",
                median(hot) <= HOT_GOAL,
            ),
        ],
        (
            f"sets: {RUNS} runs each, the median counts; a set starts a process of its own, "
            "computes the sums of all tables, and makes the repository with its key"
        ),
    )


async def search_row(
    session: aiohttp.ClientSession, appliance: Appliance, questions: list[str], seconds: float
) -> Row:
    """Measure searches while one set after the other is written, beside searches alone."""
    asked, plan = cycle(questions), Plan(READERS, seconds, THINK_SECONDS, warm_up=2.0)

    async def ask() -> float:
        return await search_once(session, appliance.address, asked)

    alone = figures((await closed_loop(plan, ask, seed=1)).answers)
    writing = asyncio.create_task(_one_after_the_other(appliance))
    meanwhile = figures((await closed_loop(plan, ask, seed=1)).answers)
    writing.cancel()
    # A set that failed raises here; the last one is ended, and that is awaited.
    with suppress(asyncio.CancelledError):
        await writing
    ratio = meanwhile.p95 / alone.p95
    return Row(
        f"search, {READERS} readers, while sets are written",
        str(meanwhile),
        f"without a set: {alone}",
        f"p95 {times(ratio)}",
        f"p95 at most {times(SEARCH_GOAL)}",
        ratio <= SEARCH_GOAL,
    )


async def _one_after_the_other(appliance: Appliance) -> None:
    folder = from_environment(appliance.environment).operations / "set"
    folder.mkdir(parents=True, exist_ok=True)
    # The command line works as the account of the appliance.
    owner = folder.parent.parent.stat()
    os.chown(folder.parent, owner.st_uid, owner.st_gid)
    os.chown(folder, owner.st_uid, owner.st_gid)
    while True:
        process = await asyncio.create_subprocess_exec(
            *(*GIVING_WAY, sys.executable, "-m", "appliance", "operation", "set"),
            cwd=ROOT,
            env=dict(appliance.environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
        if process.returncode != 0:
            message = f"a set failed: {said.decode()[-500:]}"
            raise RuntimeError(message)


def _fill(home: BackedUp, chunks: int) -> None:
    digests = home.add_documents(max(1, chunks // CHUNKS_A_DOCUMENT), FILE_SIZE)
    home.add_chunks(digests, CHUNKS_A_DOCUMENT, DIMENSIONS)
    home.execute("VACUUM ANALYZE")


def _timed(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _plain(home: BackedUp, folder: Path) -> None:
    """Do what a script would: dump, then save the dump and the documents."""
    folder.mkdir()
    dump = [str(binaries() / "pg_dump"), "-Fd", "-Z0", "-j2", f"--file={folder / 'dump'}"]
    subprocess.run([*dump, f"--dbname={home.owner}"], check=True)
    environment = {"PATH": os.environ["PATH"], "RESTIC_PASSWORD": "bench"}
    restic = ["restic", f"--repo={folder / 'repository'}", f"--cache-dir={folder / 'cache'}"]
    for words in (["init"], ["backup", str(folder / "dump"), str(home.settings.documents)]):
        subprocess.run([*restic, *words], env=environment, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder)


def _first_set(home: BackedUp) -> None:
    for folder in (home.settings.repository, home.settings.backup):
        shutil.rmtree(folder, ignore_errors=True)
    _carried_out(home, "set")


def _changed(home: BackedUp) -> None:
    home.add_person()
    _carried_out(home, "hot")


def _carried_out(home: BackedUp, name: str) -> None:
    process = home.start(name)
    _, said = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(said.decode())


if __name__ == "__main__":
    main()
