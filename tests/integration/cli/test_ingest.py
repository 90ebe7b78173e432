"""`cloister ingest`, up to the point where documents are queued."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.accounts.model import Account
from appliance.actors.permissions import Role
from appliance.cli.connection import RefusedError
from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.core.settings import Settings
from appliance.db.pool import Database
from tests.builders.audit import audited
from tests.builders.cli import run_verb
from tests.builders.library import shelf
from tests.builders.people import add_person


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    """A file to add."""
    path = tmp_path / "Handbuch für “Ventile”.txt"
    path.write_text("The valve is due in May.")
    return path


async def test_it_is_recorded_as_the_command_line_s_and_leaves_links_out(
    database: Database,
    olga: Account,
    context: Context,
    settings: Settings,
    manual: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = manual.parent / "folder"
    folder.mkdir()
    manual.rename(folder / manual.name)
    (folder / "shadow.txt").symlink_to("/etc/passwd")
    (folder / "group.txt").symlink_to("/etc/group")
    assert await run_verb(context, "ingest", str(folder), "--no-wait") == ExitCode.DONE
    (document,) = await shelf(database, settings.documents).service.documents(olga)
    assert (document.file_name, document.uploader) == (manual.name, "Olga")
    assert await audited(database) == [("command line", "document.add", str(document.id))]
    assert capsys.readouterr().out.count("Symbolic links in folders are left out: 2.") == 1


async def test_a_file_that_is_refused_says_why_in_its_row(
    olga: Account, context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert await run_verb(context, "ingest", str(empty)) == ExitCode.FAILED
    printed = capsys.readouterr().out
    assert "refused" in printed
    assert "0 bytes" in printed


async def test_with_several_operators_it_asks_whose_library_is_meant(
    database: Database,
    olga: Account,
    context: Context,
    settings: Settings,
    manual: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    otto = await add_person(database, "otto", Role.OPERATOR)
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "ingest", str(manual), "--no-wait")
    assert "olga, otto" in refused.value.message
    assert "--user" in refused.value.advice
    words = ("ingest", str(manual), "--no-wait", "--user", "otto", "--collection", "My documents")
    assert await run_verb(context, *words) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert "Adding to “My documents” for otto. No other person can read it" in printed
    library = shelf(database, settings.documents).service
    assert [found.uploader for found in await library.documents(otto)] == ["Otto"]
    assert await library.documents(olga) == []


async def test_nobody_else_reads_a_document_unless_its_adder_says_so(
    database: Database,
    olga: Account,
    context: Context,
    settings: Settings,
    manual: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    alice = await add_person(database, "alice")
    library = shelf(database, settings.documents).service
    assert await run_verb(context, "ingest", str(manual), "--no-wait") == ExitCode.DONE
    assert len(await library.documents(olga)) == 1
    assert await library.documents(alice) == []
    words = ("ingest", str(manual), "--no-wait", "--collection", "Shared library")
    assert await run_verb(context, *words) == ExitCode.DONE
    assert len(await library.documents(alice)) == 1
    printed = capsys.readouterr().out
    assert "Everyone can read it." in printed
    rows = [line for line in printed.splitlines() if line.startswith(str(manual))]
    assert ["My documents" in row for row in rows] == [True, False]
    assert ["Shared library" in row for row in rows] == [False, True]


async def test_without_an_operator_it_says_how_to_get_one(context: Context, manual: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "ingest", str(manual))
    assert "cloister claim" in refused.value.advice
