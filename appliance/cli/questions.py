"""Verbs for questions: search and ask."""

from __future__ import annotations

import argparse
from contextlib import aclosing
from typing import Any

from appliance.answering.quote import unescape
from appliance.cli.chat import chat_server, events
from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_verb
from appliance.conversations.model import AnswerKind, ContextUsage

WHOSE = "for whom (default: the only operator)"


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add search and ask."""
    search_verb = add_verb(verbs, shared, "search", search, "show the passages for a question")
    search_verb.add_argument("-k", type=int, default=8, help="how many passages at most")
    ask_verb = add_verb(verbs, shared, "ask", ask, "answer a question with citations")
    for verb in (search_verb, ask_verb):
        verb.add_argument("question", nargs="+", help="one or more words")
        verb.add_argument("--user", help=WHOSE)


async def search(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print the passages that a question finds."""
    body = {"query": " ".join(options.question), "k": options.k}
    answer = await chat_server(context, options.user).ask("POST", "/api/search", body=body)
    passages = answer["passages"]
    text = "\n\n".join(
        f"{passage['file']}, {place(passage)}\n{passage['text']}" for passage in passages
    )
    context.output.value(passages, text or "The documents say nothing about this.")
    return ExitCode.DONE


async def ask(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print an answer; with no model installed, the best passages are quoted.

    The question waits in the same queue as everybody's.
    """
    question = {"role": "user", "content": " ".join(options.question)}
    body = {"messages": [question], "stream": True}
    text, last = "", {}
    server = chat_server(context, options.user)
    async with aclosing(events(server, "/v1/chat/completions", body)) as found:
        async for event in found:
            if isinstance(event, str):
                context.output.progress(event)
                continue
            text += event["choices"][0]["delta"].get("content", "")
            last = event
    answer = {name: last.get(name) for name in ("kind", "citations", "reading", "note")}
    context.output.value({"answer": text, **answer}, answer_for_people(text, answer))
    return ExitCode.DONE


def answer_for_people(text: str, answer: dict[str, Any]) -> str:
    """Return an answer with its sources, how much was read, and the note below it."""
    shown = unescape(text) if answer["kind"] == AnswerKind.QUOTED else text
    sources = [source(citation) for citation in answer["citations"]]
    below = "\n".join([*sources, ContextUsage(**answer["reading"]).sentence])
    note = answer["note"]
    said = f"\n\n{note['message']}\n{note['hint']}" if note else ""
    return f"{shown}\n\n{below}".rstrip() + said


def source(citation: dict[str, Any]) -> str:
    """Return the line that names the source of a citation."""
    return f"[{citation['number']}] {citation['file']}, {place(citation)}"


def place(found: dict[str, Any]) -> str:
    """Return where a passage is in its document."""
    return found["label"] or f"page {found['page']}"
