"""`cloister setting check` says what is wrong in a file before anything is restarted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from tests.builders.cli import run_verb


@pytest.fixture
def printed(context: Context, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a verb and return the JSON that it prints."""
    as_json = Context(context.settings, context.clock, Output(as_json=True))

    async def run(*words: str, code: ExitCode = ExitCode.DONE) -> Any:
        assert await run_verb(as_json, *words) == code
        return json.loads(capsys.readouterr().out)

    return run


async def test_a_file_is_checked_before_anything_is_restarted(printed: Any, tmp_path: Path) -> None:
    file = tmp_path / "cloister.env"
    file.write_text("CLOISTER_HOST=server\n")
    assert await printed("setting", "check", str(file)) == {"ok": True, "findings": []}
    file.write_text("CLOISTER_HOSTS=server\nCLOISTER_PORT=1\n")
    answer = await printed("setting", "check", str(file), code=ExitCode.FAILED)
    assert [(row["line"], row["problem"], row["nearest"]) for row in answer["findings"]] == [
        (1, "unknown name", "CLOISTER_HOST"),
        (2, "no effect", ""),
    ]


async def test_a_file_without_errors_is_remembered(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, kept = tmp_path / "cloister.env", tmp_path / "kept"
    monkeypatch.setattr("appliance.cli.settings.LAST_GOOD_ENVIRONMENT", kept)
    file.write_text("CLOISTER_HOST=server\n")
    await run_verb(context, "setting", "check", "--keep", str(file))
    file.write_text("CLOISTER_HOSTS=server\n")
    await run_verb(context, "setting", "check", "--keep", str(file))
    assert kept.read_text() == "CLOISTER_HOST=server\n"
    # A disk without room, or a folder that is not there, is no reason not to start.
    monkeypatch.setattr("appliance.cli.settings.LAST_GOOD_ENVIRONMENT", tmp_path / "no" / "kept")
    file.write_text("CLOISTER_HOST=server\n")
    assert await run_verb(context, "setting", "check", "--keep", str(file)) == ExitCode.DONE
