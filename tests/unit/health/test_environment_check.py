"""A wrong line in the file of settings is a warning: the last good version serves meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.health.checks.environment_file import environment_check
from appliance.health.model import CheckResult, CheckState


async def result(file: Path) -> CheckResult:
    answer = await environment_check(file).ask()
    assert isinstance(answer, CheckResult)
    return answer


async def test_a_file_without_errors_is_well(tmp_path: Path) -> None:
    file = tmp_path / "cloister.env"
    assert (await result(file)).state is CheckState.OK
    file.write_text("CLOISTER_HOST=server\n")
    assert (await result(file)).state is CheckState.OK


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("CLOISTER_UPLOAD_LIMT=5", "did you mean CLOISTER_UPLOAD_LIMIT?"),
        ("CLOISTER_UPLOAD_LIMIT=lots", "must be a whole number above zero"),
        ("CLOISTER_PORT=80", "has no effect"),
    ],
)
async def test_a_wrong_line_is_named_and_the_machine_stays_ready(
    tmp_path: Path, line: str, words: str
) -> None:
    file = tmp_path / "cloister.env"
    file.write_text(f"{line}\n")
    found = await result(file)
    assert found.state is CheckState.WARNING
    assert found.is_ready
    assert "Line 1: " in found.sentence
    assert words in found.sentence
    assert found.remedy is not None
    assert found.remedy.command == "sudo cloister setting check"
