"""`cloister ingest`, up to the point where documents are queued."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.accounts.model import Account
from appliance.cli.context import Context
from appliance.cli.documents import ingest
from appliance.cli.output import ExitCode, Output
from appliance.cli.parser import build
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.audit import audited
from tests.builders.cli import with_database
from tests.builders.library import shelf


async def test_it_is_recorded_as_the_command_line_s_and_leaves_links_out(
    database: Database,
    olga: Account,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "manual.txt").write_text("The valve is due in May.")
    (folder / "shadow.txt").symlink_to("/etc/passwd")
    (folder / "group.txt").symlink_to("/etc/group")
    with_database(monkeypatch, database)
    settings = Settings(home=tmp_path / "home")
    context = Context(settings, SystemClock(), Output(as_json=False))
    options = build("ingest").parse_args(["ingest", str(folder), "--no-wait"])
    options.prepare(options)
    assert await ingest(context, options) == ExitCode.DONE
    library = shelf(database, settings.documents).service
    (document,) = await library.documents(olga)
    assert (document.file_name, document.uploader) == ("manual.txt", "Olga")
    assert await audited(database) == [("command line", "document.add", str(document.id))]
    assert capsys.readouterr().out.count("Symbolic links in folders are left out: 2.") == 1
