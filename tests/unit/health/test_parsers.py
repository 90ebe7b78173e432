from __future__ import annotations

from pathlib import Path

from aiohttp import web

from appliance.health.checks.parsers import ask_parsers, evaluate_parsers, parsers_check
from appliance.health.model import CheckId, CheckState
from appliance.health.service import run_checks
from appliance.ingest.model import Reach


def test_confined_parsers_are_well() -> None:
    assert evaluate_parsers(frozenset()).state is CheckState.OK


def test_what_a_parser_reaches_is_named_with_what_to_do() -> None:
    result = evaluate_parsers({Reach.FILES, Reach.PROCESSES})
    assert result.state is CheckState.WARNING
    assert "read other files and reach other processes" in result.sentence
    assert "Landlock" in result.hint
    assert result.remedy is not None
    assert result.is_ready, "people are served"


def test_every_reach_has_its_words() -> None:
    sentences = {evaluate_parsers({reach}).sentence for reach in Reach}
    assert len(sentences) == len(Reach)


async def test_without_the_document_reader_nothing_is_said(tmp_path: Path) -> None:
    [result] = await run_checks([parsers_check(tmp_path / "none.sock", limit=5.0)])
    assert (result.id, result.state) == (CheckId.PARSERS, CheckState.UNKNOWN)


async def test_the_document_reader_is_asked(tmp_path: Path) -> None:
    answers: list[object] = [None, [], ["files"]]

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"reach": answers.pop(0)})

    application = web.Application()
    application.router.add_get("/parsers", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    socket = tmp_path / "ingest.sock"
    await web.UnixSite(runner, str(socket)).start()
    found = [await ask_parsers(socket) for _ in range(3)]
    await runner.cleanup()
    assert found == [None, frozenset(), {Reach.FILES}]
