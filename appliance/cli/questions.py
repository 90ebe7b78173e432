"""Verbs for questions: search and ask."""

from __future__ import annotations

import argparse

from appliance.accounts.model import Account
from appliance.answering.admission import Admission
from appliance.answering.choice import ModelChoice
from appliance.answering.citation_json import finished_json, passage_json
from appliance.answering.composer import Composer
from appliance.answering.model import AnswerRequest, Finished, NumberedPassage, TextDelta
from appliance.answering.quote import unescape
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
        ModelRunner(context.runner_address) as runner,
    ):
        reader = await context.person(database, options.user)
        retriever = Retriever(database, runner, context.clock)
        found = await retriever.retrieve(reader, " ".join(options.question), k=options.k)
        await retriever.aclose()
    passages = [passage_json(passage) for passage in found.passages]
    text = "\n\n".join(
        f"{passage.file_name}, {passage.place}\n{passage.text}" for passage in found.passages
    )
    context.output.value(passages, text or "The documents say nothing about this.")
    return ExitCode.DONE


async def ask(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print an answer; with no model installed, the best passages are quoted."""
    async with (
        context.database() as database,
        ModelRunner(context.runner_address) as runner,
    ):
        reader = await context.person(database, options.user)
        text, finished = await _answer(context, database, runner, reader, options.question)
    sources = "\n".join([*map(_source, finished.cited), finished.context_usage.sentence])
    note = f"\n\n{finished.note.message} {finished.note.advice}" if finished.note else ""
    shown = unescape(text) if finished.kind is AnswerKind.QUOTED else text
    context.output.value(_as_json(text, finished), f"{shown}\n\n{sources}".rstrip() + note)
    if finished.failure is not None:
        raise finished.failure
    return ExitCode.DONE


async def _answer(
    context: Context, database: Database, runner: ModelRunner, reader: Account, words: list[str]
) -> tuple[str, Finished]:
    retriever = Retriever(database, runner, context.clock)
    store = AnswerStore(database, worker=_NO_WORKER)
    choice = ModelChoice(
        store, runner, context.clock, context_tokens=context.settings.context_tokens
    )
    composer = Composer(retriever, runner, choice, Admission(1))
    text = ""
    finished: Finished | None = None
    async for part in composer.compose(AnswerRequest(reader, " ".join(words))):
        match part:
            case TextDelta():
                text += part.text
            case Finished():
                finished = part
            case _:
                pass
    await retriever.aclose()
    if finished is None:
        message = "an answer ended without its last part"
        raise RuntimeError(message)
    return text, finished


def _source(cited: NumberedPassage) -> str:
    return f"[{cited.number}] {cited.passage.file_name}, {cited.passage.place}"


def _as_json(text: str, finished: Finished) -> dict[str, object]:
    return {"answer": text, "note": None, **finished_json(finished)}
