"""Measure everything in one run: `make bench`, or `python -m tests.bench [--quick]`.

The whole appliance runs as `make run` starts it, with a fake model runner as another process.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.appliance import Appliance, fake_ollama, home_folder
from tests.bench import first_token
from tests.bench.corpus import Corpus, from_folder, generated
from tests.bench.heavy_member import heavy_member
from tests.bench.ingest import Places, ingest
from tests.bench.machine import load_average, machine
from tests.bench.members import add_members
from tests.bench.memory import memory
from tests.bench.processes import runner_process
from tests.bench.restores import restore_rows
from tests.bench.search import answerable, search
from tests.bench.sets import search_row, set_rows
from tests.bench.start import start_rows, started
from tests.bench.table import Row, rendered
from tests.bench.web import signed_in

IDLE_SECONDS = 8.0
PAUSE_SECONDS = 2.0
QUESTIONS = 400


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a run measures. `quick` finds mistakes in this program, not speeds."""

    documents: int
    users: list[int]
    seconds: float
    search_seconds: float
    chunks: int


FULL = Extent(300, [1, 10, 50, 100], 25.0, 10.0, 20_000)
QUICK = Extent(20, [1, 10], 4.0, 2.0, 600)


def main() -> None:
    """Measure, saying what is measured, and print the table."""
    options = _options()
    extent = QUICK if options.quick else FULL
    begin = time.perf_counter()
    described = machine()
    corpus = from_folder(options.corpus) if options.corpus else generated(extent.documents)
    rows, notes = measure(corpus, extent, lambda what: print(f"… {what}", flush=True))
    print(f"\n{described}\n")
    print(rendered(rows))
    print("\n" + "\n".join(f"- {note}" for note in notes))
    print(
        f"\nFake runner: first token after {first_token.FIRST_TOKEN_SECONDS * 1000:.0f} ms, then "
        f"{first_token.TOKENS_A_SECOND} tokens a second, {first_token.TOKENS} tokens an answer, "
        f"any number at once; {first_token.SLOTS} generation slots. Users think for "
        f"{first_token.THINK_SECONDS:.0f} s between questions. Load, runner and appliance share "
        f"the cores. Load average {load_average()} at the end, {time.perf_counter() - begin:.0f} s."
    )


def measure(
    corpus: Corpus, extent: Extent, say: Callable[[str], None]
) -> tuple[list[Row], list[str]]:
    """Return the table's lines and what explains them."""
    with home_folder() as home, fake_ollama() as runner:
        say("first start")
        with started(home, runner, first_token.SLOTS) as first:
            pass
        say("second start")
        with started(home, runner, first_token.SLOTS) as second:
            rows = start_rows(first.seconds, second.seconds)
            say("memory")
            time.sleep(IDLE_SECONDS)
            fresh, fresh_note = memory(home, "idle")
            measured = _under_load(second.appliance, runner, corpus, extent, say)
            loaded, loaded_notes = asyncio.run(measured)
            time.sleep(IDLE_SECONDS)
            used, used_note = memory(home, "idle after all this")
    say(f"sets of {extent.chunks:,} chunks")
    sets, sets_note = set_rows(extent.chunks)
    say(f"a restore of {extent.chunks:,} chunks")
    restores, restores_note = restore_rows(extent.chunks)
    notes = [fresh_note, used_note, *loaded_notes, sets_note, restores_note]
    return [*rows, fresh, used, *loaded, *sets, *restores], notes


async def _under_load(
    appliance: Appliance,
    runner: str,
    corpus: Corpus,
    extent: Extent,
    say: Callable[[str], None],
) -> tuple[list[Row], list[str]]:
    process = runner_process(runner)
    invited = await asyncio.to_thread(appliance.cli, "user", "add", "bench", "--role", "operator")
    key = (await asyncio.to_thread(appliance.cli, "api-key", "create", "bench"))["key"]
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(
        connector=connector, headers=headers, timeout=timeout
    ) as session:
        with tempfile.TemporaryDirectory() as folder:
            say(f"ingest of {len(corpus.files)} documents")
            places = Places(appliance.home, Path(folder), process)
            ingested = await ingest(session, appliance.address, runner, corpus, places)
        say("search")
        drawn = corpus.questions(QUESTIONS)
        questions = await answerable(session, appliance.address, drawn)
        searched = await search(session, appliance.address, questions, extent.search_seconds)
        say("search while a set is written")
        searched.append(await search_row(session, appliance, questions, extent.search_seconds))
        say(f"first token for {', '.join(map(str, extent.users))} users")
        members = await asyncio.to_thread(add_members, appliance)
        targets = await first_token.targets_for(
            session, appliance.address, runner, questions, members.in_turn()
        )
        vector = await first_token.vector_alone(targets)
        await asyncio.sleep(PAUSE_SECONDS)
        tokens = await first_token.first_token(
            targets, appliance.home, process, extent.users, extent.seconds
        )
        async with signed_in(appliance.address, invited["link"], questions) as browser:
            say("first token on the chat site")
            ten = tokens[extent.users.index(10)].alone
            site = await first_token.in_browsers(
                browser.ask, ten, appliance.home, process, extent.seconds
            )
        tokens.append(site)
        tokens.append(await first_token.burst(targets, appliance.home, process, extent.users[-1]))
        say("one heavy member, ten others")
        shared = await heavy_member(targets, members.heavy, appliance.home, process, extent.seconds)
    rows = [*(each.row() for each in tokens), shared.row(), *ingested.rows(), *searched]
    prompt = (
        f"{len(questions)} of {len(drawn)} questions found passages; a prompt has "
        f"{len(targets.prompt):,} characters; a question's vector, which Cloister asks for first, "
        f"takes the runner {vector}"
    )
    notes = [ingested.note(), prompt, *(each.note() for each in tokens), shared.note()]
    return rows, notes


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, for trying it out")
    parser.add_argument("--corpus", type=Path, help="measure with the files of this folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
