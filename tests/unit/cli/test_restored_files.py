"""Settings of a restored set wait as files until root's command line puts them in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.cli.restored_files import waiting_files
from appliance.core.settings import Settings
from appliance.restore.model import What
from appliance.restore.wording import files_lines, placed_lines, restored_sentence
from appliance.units.exchange import Places
from tests.builders.cli import run_verb
from tests.fakes.clock import FakeClock


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A clone in which a restore has left a certificate and two targets."""
    settings = Settings(home=tmp_path)
    waiting = {"tls/certificate.pem": "new", "targets/1.json": "{}", "targets/2.json": "{}"}
    for name, text in waiting.items():
        path = Places(settings.database).files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings.offsite.mkdir()
    (settings.offsite / "1.json").write_text("before")
    (settings.offsite / "1.json").chmod(0o600)
    return settings


async def files(settings: Settings, *, as_json: bool = True) -> ExitCode:
    """Run `cloister restore files`."""
    return await run_verb(
        Context(settings, FakeClock(), Output(as_json=as_json)), "restore", "files"
    )


async def test_they_replace_what_is_there_and_that_stays_beside_them(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert waiting_files(settings) == ["tls/certificate.pem", "targets/1.json", "targets/2.json"]
    assert await files(settings) is ExitCode.DONE
    placed = json.loads(capsys.readouterr().out)["files"]
    assert placed == [
        str(settings.tls / "certificate.pem"),
        str(settings.offsite / "1.json"),
        str(settings.offsite / "2.json"),
    ]
    assert (settings.tls / "certificate.pem").read_text() == "new"
    target = settings.offsite / "1.json"
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("{}", 0o600)
    assert (settings.offsite / "1.json.before-restore").read_text() == "before"
    assert waiting_files(settings) == []
    assert await files(settings, as_json=False) is ExitCode.DONE
    assert capsys.readouterr().out == "No file waits to be put in place.\n"


def test_what_waits_is_named_with_the_command_for_it() -> None:
    assert files_lines([]) == []
    [line] = files_lines(["tls/key.pem", "targets/1.json"])
    assert "tls/key.pem, targets/1.json" in line
    assert "cloister restore files" in line
    assert placed_lines(["/etc/cloister/cloister.env"])[-1].startswith("`systemctl restart")


@pytest.mark.parametrize(
    ("what", "found", "words"),
    [
        (What.DOCUMENT, {"documents": 1}, "1 document was missing, and is read again."),
        (What.DOCUMENTS, {"documents": 3}, "3 documents were missing, and are read again."),
        (What.DOCUMENTS, {"documents": 0}, "Nothing was missing, so nothing was added."),
        (What.CONVERSATIONS, {"conversations": 2}, "2 conversations are back."),
        (What.CONVERSATIONS, {"conversations": 0}, "Nothing was missing, so nothing was added."),
        (What.CONFIGURATION, {}, "The settings are as they were."),
    ],
)
def test_a_part_that_was_restored_is_counted(
    what: What, found: dict[str, object], words: str
) -> None:
    assert restored_sentence(found, what) == words
