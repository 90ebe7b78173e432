"""`cloister audit verify`, which asks the database itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.audit.errors import AnchorOfOtherDatabaseError, NoChainError
from appliance.audit.report import read_report
from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.core.clock import SystemClock
from appliance.core.errors import DatabaseUnavailableError
from appliance.core.settings import Settings
from appliance.db.pool import Database, conninfo
from tests.builders.audit import add_rows, tampering
from tests.builders.cli import run_verb
from tests.postgres import Server


@pytest.fixture
def alone(tmp_path: Path) -> Context:
    """What a verb is given where no supervisor runs."""
    return Context(Settings(home=tmp_path / "home"), SystemClock(), Output(as_json=False))


@pytest.fixture
async def own_database(own_server: Server, alone: Context) -> AsyncIterator[Database]:
    """The database of that home."""
    alone.settings.run.mkdir(parents=True)
    alone.settings.database_socket.symlink_to(own_server.socket)
    async with Database(conninfo(own_server.socket, "cloister")) as database:
        yield database


async def test_it_says_whether_the_audit_is_whole_and_keeps_the_result(
    alone: Context, own_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await add_rows(own_database, 9)
    assert await run_verb(alone, "audit", "verify") is ExitCode.DONE
    said = capsys.readouterr().out
    assert said.startswith("No entry of the audit is changed, missing or reordered: 9 entries")
    async with tampering(own_database) as connection:
        await connection.execute("DELETE FROM core.audit WHERE id = 4")
    assert await run_verb(alone, "audit", "verify") is ExitCode.NOT_WHOLE
    sentence, advice = capsys.readouterr().out.splitlines()
    assert sentence == "Entry 4 of the audit, at place 4, is missing."
    assert "root's rights" in advice
    kept = read_report(alone.settings.state)
    assert kept is not None
    assert not kept.is_whole


async def test_the_end_of_an_earlier_verification_can_be_compared(
    alone: Context, own_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may have been kept elsewhere, out of reach of all that runs here."""
    await add_rows(own_database, 9)
    await run_verb(alone, "audit", "verify")
    end = capsys.readouterr().out.split()[-1]
    await add_rows(own_database, 3)
    assert await run_verb(alone, "audit", "verify", "--anchor", end) is ExitCode.DONE
    assert "compared with 1 anchor" in capsys.readouterr().out
    async with tampering(own_database) as connection:
        await connection.execute("DELETE FROM core.audit WHERE id > 5")
        await connection.execute("DELETE FROM core.audit_link WHERE position > 5")
    assert await run_verb(alone, "audit", "verify") is ExitCode.DONE
    assert await run_verb(alone, "audit", "verify", "--anchor", end) is ExitCode.NOT_WHOLE
    other = f"17{end[end.index(':') :]}"
    with pytest.raises(AnchorOfOtherDatabaseError):
        await run_verb(alone, "audit", "verify", "--anchor", other)
    with pytest.raises(SystemExit):
        await run_verb(alone, "audit", "verify", "--anchor", "x")
    assert "“x” is not an anchor" in capsys.readouterr().err


async def test_a_database_of_an_earlier_version_has_no_chain_yet(
    alone: Context, own_database: Database
) -> None:
    async with own_database.connection() as connection:
        await connection.execute("DROP TABLE core.audit_start CASCADE")
    with pytest.raises(NoChainError):
        await run_verb(alone, "audit", "verify")


async def test_programs_read_which_entry_is_the_first(
    alone: Context, own_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await add_rows(own_database, 9)
    async with tampering(own_database) as connection:
        await connection.execute("UPDATE core.audit SET actor = 'eve' WHERE id IN (3, 6)")
    context = replace(alone, output=Output(as_json=True))
    assert await run_verb(context, "audit", "verify") is ExitCode.NOT_WHOLE
    found = json.loads(capsys.readouterr().out)
    assert (found["whole"], found["entries"], found["faults"]) == (False, 9, 2)
    assert found["finding"] == {"problem": "changed", "position": 3, "entry": 3, "count": 1}
    assert found["entry"]["actor"] == "eve"


async def test_without_a_database_it_cannot_say(alone: Context) -> None:
    """The command ends with 4 then, as every verb that needs it."""
    with pytest.raises(DatabaseUnavailableError):
        await run_verb(alone, "audit", "verify")
    assert read_report(alone.settings.state) is None
