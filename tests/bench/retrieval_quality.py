"""How often retrieval finds the passage that answers a question.

Run: `python -m tests.bench.retrieval_quality FOLDER [--sample N]`. FOLDER holds
`articles/LANGUAGE/NAME.md` and `questions.jsonl`, a line for each question with `lang`,
`question`, `file` and `answer`. A passage is right when it is from `file` and contains `answer`,
compared without case, accents, punctuation and spacing. It is quoted when an answer without a
model shows it.

Four runs: by words alone; each question after one on another article, which should change
nothing; with the vectors of the fake model runner, which know no meaning; and with every second
article left out, where questions on those should find no evidence.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from statistics import quantiles
from uuid import uuid4

from appliance.accounts.model import Account
from appliance.actors.permissions import Role
from appliance.answering.model import NumberedPassage
from appliance.answering.quote import quote
from appliance.db.migrate import migrate
from appliance.db.pool import WORK_SECONDS, Database, conninfo
from appliance.db.roles import create_database
from appliance.llm.model import Embeddings, InstalledModel
from appliance.retrieval.service import Retriever
from tests.builders.models import installed
from tests.builders.retrieval import Library, TestDocument, with_vectors
from tests.fakes.ollama_words import embed
from tests.postgres import Server, running_server

DEPTHS = (1, 5, 10)
DIMENSIONS = 768
# Reads what is shared; retrieval does not look a reader up.
READER = Account(uuid4(), "reader", Role.MEMBER, "Reader", datetime.now(UTC), None)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the corpus, where its answer stands, and what was asked before it."""

    language: str
    question: str
    file: str
    answer: str
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What came back: the place of the first right passage, how many there were, how long.

    `quoted` says whether the answer stands in what is quoted of them.
    """

    asked: Asked
    place: int | None
    passages: int
    quoted: bool
    seconds: float


class FakeRunner:
    """Embeds as the fake model runner does, without HTTP."""

    async def models(self) -> list[InstalledModel]:
        """Return the one model."""
        return [installed("fake", "embedding", digest="fake")]

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return hashed words."""
        del model
        return Embeddings([embed(text, DIMENSIONS) for text in texts])


def read_questions(folder: Path, sample: int | None) -> list[Asked]:
    """Return all questions, or `sample` of each language spread evenly over the file."""
    lines = (folder / "questions.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    asked = [Asked(row["lang"], row["question"], row["file"], row["answer"]) for row in rows]
    asked.sort(key=lambda question: question.language)
    chosen: list[Asked] = []
    for _, group in groupby(asked, key=lambda question: question.language):
        questions = list(group)
        chosen += questions[:: max(1, len(questions) // sample)] if sample else questions
    return chosen


def read_articles(folder: Path) -> list[TestDocument]:
    """Return the articles, each as a document of one page titled by its first line."""
    articles = []
    for path in sorted((folder / "articles").glob("*/*.md")):
        text = path.read_text("utf-8")
        title = text.partition("\n")[0].strip("# ")
        articles.append(TestDocument(f"{path.parent.name}/{path.name}", [text], title=title))
    return articles


def plain(text: str) -> str:
    """Return the letters and digits of `text` without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())


async def measure(retriever: Retriever, reader: Account, questions: list[Asked]) -> list[Found]:
    """Ask every question, one after the other."""
    results = []
    for asked in questions:
        began = time.perf_counter()
        found = await retriever.retrieve(reader, asked.question, earlier=asked.earlier)
        seconds = time.perf_counter() - began
        passages = tuple(
            NumberedPassage(place, each) for place, each in enumerate(found.passages, 1)
        )
        right = [each.number for each in passages if is_right(asked, each)]
        quoted = quote(asked.question, passages).cited
        shown = any(is_right(asked, each) for each in quoted)
        results.append(Found(asked, right[0] if right else None, len(passages), shown, seconds))
    return results


def is_right(asked: Asked, numbered: NumberedPassage) -> bool:
    """Say whether a passage answers a question."""
    passage = numbered.passage
    return passage.file_name == asked.file and plain(asked.answer) in plain(passage.text)


def after_another_subject(questions: list[Asked]) -> list[Asked]:
    """Put a question of the same language on another article before each."""
    result = []
    for _, group in groupby(questions, key=lambda asked: asked.language):
        asked = list(group)
        for place, question in enumerate(asked):
            later = (asked[place - step] for step in range(len(asked) // 2, len(asked)))
            other = next(each for each in later if each.file != question.file)
            result.append(replace(question, earlier=(other.question,)))
    return result


def print_hits(name: str, results: list[Found]) -> None:
    """Print a row for each language."""
    for language, group in groupby(results, key=lambda result: result.asked.language):
        found = list(group)
        hits = [
            sum(1 for result in found if result.place and result.place <= depth) / len(found)
            for depth in DEPTHS
        ]
        rank = sum(1 / result.place for result in found if result.place) / len(found)
        nothing = sum(1 for result in found if not result.passages) / len(found)
        quoted = sum(1 for result in found if result.quoted) / len(found)
        cuts = quantiles([result.seconds * 1000 for result in found], n=20)
        print(
            f"| {name} | {language} | {len(found)} | "
            + " | ".join(f"{hit:.3f}" for hit in hits)
            + f" | {rank:.3f} | {quoted:.3f} | {nothing:.3f} | {cuts[9]:.1f} | {cuts[18]:.1f} |",
            flush=True,
        )


async def fill(server: Server, documents: list[TestDocument], *, vectors: bool) -> Database:
    """Make a database that holds `documents`."""
    name = await server.create_empty()
    address = conninfo(server.socket, "cloister", database=name)
    await migrate(address)
    async with Database(address, limit=WORK_SECONDS) as owner:
        library = Library(owner)
        if vectors:
            library = await with_vectors(
                owner, "fake", DIMENSIONS, lambda text: embed(text, DIMENSIONS)
            )
        await library.add(*documents)
        async with owner.connection() as connection:
            await connection.execute("ANALYZE")
    return Database(conninfo(server.socket, "cloister_chat", database=name))


async def run(server: Server, folder: Path, sample: int | None) -> None:
    """Do the four runs and print their table."""
    await create_database(conninfo(server.socket, "cloister", database="postgres"))
    questions, articles = read_questions(folder, sample), read_articles(folder)
    left_out = set(sorted({article.file_name[3:] for article in articles})[::2])
    some = [article for article in articles if article.file_name[3:] not in left_out]
    unanswerable = [asked for asked in questions if asked.file[3:] in left_out]
    print(
        "| run | language | questions | hit@1 | hit@5 | hit@10 | MRR | quoted | nothing | p50"
        " | p95 ms |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, documents, asked, vectors in (
        ("words", articles, questions, False),
        ("another subject before", articles, after_another_subject(questions), False),
        ("words and vectors", articles, questions, True),
        ("article left out", some, unanswerable, False),
    ):
        async with await fill(server, documents, vectors=vectors) as database:
            retriever = Retriever(database, FakeRunner() if vectors else None)
            print_hits(name, await measure(retriever, READER, asked))


def main() -> None:
    """Read the arguments, start a PostgreSQL server, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, help="questions of each language; all without it")
    arguments = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="cloister-quality-"))
    try:
        with running_server(place) as server:
            asyncio.run(run(server, arguments.folder, arguments.sample))
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
