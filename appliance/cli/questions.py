"""Verbs for questions: search and ask."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from appliance.accounts.model import Account
from appliance.answering.admission import Admission
from appliance.answering.choice import ModelChoice
from appliance.answering.composer import Composer
from appliance.answering.model import Enquiry, Numbered, Outcome, Words
from appliance.answering.quote import unescaped
from appliance.answering.store import AnswerStore
from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_verb
from appliance.conversations.model import AnswerKind
from appliance.db.pool import Database
from appliance.llm.client import ModelRunner
from appliance.retrieval.service import Retriever

# The command line keeps no answers, so it is no worker that could own one.
_NO_WORKER = 0


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add search and ask."""
    search_verb = add_verb(verbs, shared, "search", search, "show the passages for a question")
    search_verb.add_argument("-k", type=int, default=8, help="how many passages at most")
    ask_verb = add_verb(verbs, shared, "ask", ask, "answer a question with citations")
    for verb in (search_verb, ask_verb):
        verb.add_argument("question", nargs="+", help="one or more words")
        verb.add_argument("--user", help="for whom (default: the first operator)")


async def search(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print the passages that a question finds."""
    async with (
        context.database() as database,
        context.model_runner() as runner,
    ):
        reader = await context.person(database, options.user)
        retriever = Retriever(database, runner, context.clock)
        found = await retriever.retrieve(reader, " ".join(options.question), k=options.k)
        await retriever.aclose()
    passages = [
        {
            "file": passage.file_name,
            "page": passage.page,
            "label": passage.label,
            "score": round(passage.score, 4),
            "text": passage.text,
        }
        for passage in found.passages
    ]
    text = "\n\n".join(
        f"{passage.file_name}, {passage.place}\n{passage.text}" for passage in found.passages
    )
    context.output.value(passages, text or "The documents say nothing about this.")
    return ExitCode.DONE


async def ask(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print an answer; with no model installed, the best passages are quoted."""
    async with (
        context.database() as database,
        context.model_runner() as runner,
    ):
        reader = await context.person(database, options.user)
        text, outcome = await _answer(context, database, runner, reader, options.question)
    sources = "\n".join([*map(_source, outcome.cited), outcome.reading.words])
    note = f"\n\n{outcome.note.message} {outcome.note.advice}" if outcome.note else ""
    shown = unescaped(text) if outcome.kind is AnswerKind.QUOTED else text
    context.output.value(_as_json(text, outcome), f"{shown}\n\n{sources}".rstrip() + note)
    if outcome.failure is not None:
        raise outcome.failure
    return ExitCode.DONE


async def _answer(
    context: Context, database: Database, runner: ModelRunner, reader: Account, words: list[str]
) -> tuple[str, Outcome]:
    retriever = Retriever(database, runner, context.clock)
    store = AnswerStore(database, worker=_NO_WORKER)
    choice = ModelChoice(
        store, runner, context.clock, context_tokens=context.settings.context_tokens
    )
    composer = Composer(retriever, runner, choice, Admission(1))
    text = ""
    outcome: Outcome | None = None
    async for part in composer.compose(Enquiry(reader, " ".join(words))):
        match part:
            case Words():
                text += part.text
            case Outcome():
                outcome = part
            case _:
                pass
    await retriever.aclose()
    if outcome is None:
        message = "an answer ended without an outcome"
        raise RuntimeError(message)
    return text, outcome


def _source(cited: Numbered) -> str:
    return f"[{cited.number}] {cited.passage.file_name}, {cited.passage.place}"


def _as_json(text: str, outcome: Outcome) -> dict[str, object]:
    return {
        "answer": text,
        "kind": outcome.kind,
        "citations": [
            {
                "number": cited.number,
                "document": cited.passage.document_id,
                "file": cited.passage.file_name,
                "page": cited.passage.page,
                "label": cited.passage.label,
                "quote": cited.passage.text,
            }
            for cited in outcome.cited
        ],
        "reading": asdict(outcome.reading),
        "note": outcome.note.as_json() if outcome.note else None,
    }
