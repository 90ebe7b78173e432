"""`cloister job` and `cloister setting` ask the supervisor."""

from __future__ import annotations

import pytest

from appliance.cli.connection import RefusedError
from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.db.pool import Database
from appliance.settings.errors import SettingInvalidError
from tests.builders.cli import run_verb


async def test_a_job_is_started_shown_and_cancelled(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_verb(context, "job", "start", "sweep") == ExitCode.DONE
    job_id = capsys.readouterr().out.split()[0]
    await run_verb(context, "job", "list")
    assert job_id in capsys.readouterr().out
    await run_verb(context, "job", "show", job_id)
    shown = capsys.readouterr().out
    assert "queued" in shown
    assert "by command line" in shown
    await run_verb(context, "job", "cancel", job_id)
    assert capsys.readouterr().out == "The job is cancelled.\n"


async def test_a_kind_that_does_not_exist_is_refused(context: Context) -> None:
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "job", "start", "sweeping")
    assert refused.value.as_json()["code"] == "unknown_kind"


async def test_a_setting_is_changed_printed_and_reset(
    context: Context, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await run_verb(context, "setting", "set", "upload_limit", "20 MB")
    assert "upload_limit is now 20 MB." in capsys.readouterr().out
    await run_verb(context, "setting", "get", "upload_limit")
    assert capsys.readouterr().out == "20 MB\n"
    await run_verb(context, "setting", "list")
    assert "operator" in capsys.readouterr().out
    await run_verb(context, "setting", "reset", "upload_limit")
    assert "100 MB" in capsys.readouterr().out


async def test_a_value_out_of_bounds_is_refused(context: Context) -> None:
    with pytest.raises(SettingInvalidError):
        await run_verb(context, "setting", "set", "upload_limit", "1 B")
