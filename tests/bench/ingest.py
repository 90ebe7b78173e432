"""How fast documents become searchable, beside their parsers alone."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from appliance.ingest.extract.catalog import extract
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.formats import Format
from tests.bench.corpus import Corpus, File
from tests.bench.figures import times
from tests.bench.processes import Process, Work
from tests.bench.table import Row

UPLOADS_AT_ONCE = 4
LOOK_SECONDS = 0.25
QUIET_SECONDS = 3.0
COLLECTION = "Shared library"
_UNFINISHED = {"queued", "reading"}
_FORMATS = {".txt": Format.TEXT, ".md": Format.MARKDOWN, ".pdf": Format.PDF}


@dataclass(frozen=True, slots=True)
class Ingested:
    """Seconds from the first upload on, and the parsers' own time for the same files."""

    corpus: Corpus
    uploaded: float
    ready: float
    vectors: float
    parsers: float
    work: str

    def rows(self) -> list[Row]:
        """Return the table's lines."""
        count, size = len(self.corpus.files), self.corpus.size
        ratio = times(self.parsers / self.ready)
        return [
            Row(
                f"ingest, {count} documents until searchable",
                f"{count / self.ready * 60:,.0f} documents a minute",
                f"parsers alone, one by one: {count / self.parsers * 60:,.0f}",
                ratio,
            ),
            Row(
                "ingest, bytes",
                f"{size / self.ready / 1e6:.3f} MB/s",
                f"parsers alone: {size / self.parsers / 1e6:.3f} MB/s",
                ratio,
            ),
            Row(
                "ingest, until every vector is there too",
                f"{count / self.vectors * 60:,.0f} documents a minute",
                f"until searchable: {count / self.ready * 60:,.0f}",
                times(self.ready / self.vectors),
            ),
        ]

    def note(self) -> str:
        """Return what happened when, and who worked for it."""
        return (
            f"ingest: {len(self.corpus.files)} files, {self.corpus.size / 1e6:.2f} MB; "
            f"uploaded after {self.uploaded:.1f} s, searchable after {self.ready:.1f} s, vectors "
            f"after {self.vectors:.1f} s; of one core: {self.work}"
        )


async def ingest(
    session: aiohttp.ClientSession, address: str, runner: str, corpus: Corpus, places: Places
) -> Ingested:
    """Upload everything, then wait until all is searchable and until all has vectors."""
    parsers = await _parsers_alone(corpus, places.files)
    before, begin = Work.of(places.home, [places.runner]), time.perf_counter()
    queue = iter(corpus.files)

    async def uploader() -> None:
        for file in queue:
            await _upload(session, address, file)

    async with asyncio.TaskGroup() as uploads:
        for _ in range(UPLOADS_AT_ONCE):
            uploads.create_task(uploader())
    uploaded = time.perf_counter() - begin
    await _until_ready(session, address, len(corpus.files))
    ready = time.perf_counter() - begin
    work = Work.of(places.home, [places.runner]).since(before, ready)
    vectors = await _until_quiet(session, runner) - begin
    return Ingested(corpus, uploaded, ready, max(ready, vectors), parsers, work)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the appliance's data is, where files may be laid for a moment, and the runner."""

    home: Path
    files: Path
    runner: Process


async def _upload(session: aiohttp.ClientSession, address: str, file: File) -> None:
    form = aiohttp.FormData()
    form.add_field("collection", COLLECTION)
    form.add_field("file", file.content, filename=file.name)
    async with session.post(f"{address}/api/documents", data=form) as response:
        response.raise_for_status()


async def _until_ready(session: aiohttp.ClientSession, address: str, count: int) -> None:
    """Look at the newest document until it is finished, then at all of them."""
    newest: list[dict[str, str]] = []
    while not newest or newest[0]["status"] in _UNFINISHED:
        await asyncio.sleep(LOOK_SECONDS)
        newest = await _documents(session, address, limit=1)
    states: list[str] = ["queued"]
    while not _UNFINISHED.isdisjoint(states):
        states = [found["status"] for found in await _documents(session, address, limit=count)]
        await asyncio.sleep(LOOK_SECONDS if not _UNFINISHED.isdisjoint(states) else 0)
    if (good := states.count("ready")) != count:
        message = f"only {good} of {count} documents could be read"
        raise RuntimeError(message)


async def _documents(
    session: aiohttp.ClientSession, address: str, limit: int
) -> list[dict[str, str]]:
    async with session.get(f"{address}/api/documents", params={"limit": str(limit)}) as response:
        response.raise_for_status()
        found: list[dict[str, str]] = (await response.json())["documents"]
        return found


async def _until_quiet(session: aiohttp.ClientSession, runner: str) -> float:
    """Return when the runner finished its last work, once it has had none for a while."""
    finished, changed = -1, time.perf_counter()
    while time.perf_counter() - changed < QUIET_SECONDS:
        async with session.get(f"{runner}/fake/state") as response:
            state = await response.json()
        if state["finished"] != finished or state["active"]:
            finished, changed = state["finished"], time.perf_counter()
        await asyncio.sleep(LOOK_SECONDS)
    return changed


async def _parsers_alone(corpus: Corpus, folder: Path) -> float:
    """Return the seconds in which the same parsers read the same files, one after the other."""
    known = [file for file in corpus.files if Path(file.name).suffix in _FORMATS]
    for number, file in enumerate(known):
        (folder / f"{number}").write_bytes(file.content)
    begin = time.perf_counter()
    for number, file in enumerate(known):
        wanted = _FORMATS[Path(file.name).suffix]
        pages = extract(folder / f"{number}", wanted, ParserLimits())
        async with aclosing(pages):
            async for _ in pages:
                pass
    return (time.perf_counter() - begin) * len(corpus.files) / max(1, len(known))
