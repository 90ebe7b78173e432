"""The set-up file, and what the claim page shows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.control.body import read
from appliance.control.keys import SETUP_FILES, SURROUNDINGS
from appliance.core.errors import Audience
from appliance.setup.file import FileProblem
from appliance.setup.file_words import sentence_of, words_of
from appliance.setup.files import Outcome


async def printed(request: web.Request) -> web.Response:
    """GET /setup: what a file for this machine has, without secrets."""
    return web.json_response(await request.app[SETUP_FILES].printed(CommandLine()))


async def check(request: web.Request) -> web.Response:
    """POST /setup/check, with a file as JSON: what it would change, and what is wrong with it."""
    body = await read(request)
    return _answer(await request.app[SETUP_FILES].check(CommandLine(), body))


async def apply(request: web.Request) -> web.Response:
    """POST /setup, with a file as JSON: change what differs."""
    body = await read(request)
    return _answer(await request.app[SETUP_FILES].apply(CommandLine(), body))


async def fingerprint(request: web.Request) -> web.Response:
    """GET /fingerprint: of the certificate that people are shown; null without TLS."""
    found = await request.app[SURROUNDINGS].fingerprint()
    return web.json_response({"fingerprint": found or None})


def _answer(outcome: Outcome) -> web.Response:
    failure = outcome.failure
    return web.json_response(
        {
            "changes": [
                {**asdict(each), "words": words_of(each), "made": at < outcome.made}
                for at, each in enumerate(outcome.changes)
            ],
            "problems": [_problem(each) for each in outcome.problems],
            "failure": failure.as_json(Audience.COMMAND_LINE) if failure else None,
            "links": dict(outcome.links or {}),
            "trial": outcome.trial.ends.isoformat() if outcome.trial else None,
        }
    )


def _problem(problem: FileProblem) -> dict[str, Any]:
    return {**asdict(problem), "sentence": sentence_of(problem)}
