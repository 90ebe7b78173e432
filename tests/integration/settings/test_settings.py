"""Operators' settings: kept, audited, and followed by the processes that use them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from appliance.accounts.model import Account
from appliance.actors.model import CommandLine
from appliance.core.clock import SystemClock
from appliance.core.errors import ForbiddenError
from appliance.core.settings import Settings
from appliance.core.variables import MEBIBYTE
from appliance.db.pool import Database, conninfo
from appliance.settings.errors import SettingInvalidError, UnknownSettingError
from appliance.settings.live import LiveSettings
from appliance.settings.model import ENTRIES, Source
from appliance.settings.service import OperatorSettings, Values
from tests.builders.library import until

SETTINGS = Settings(Path("/srv/cloister"), upload_limit=50 * MEBIBYTE)


@pytest.fixture
def settings(database: Database) -> OperatorSettings:
    return OperatorSettings(database, SETTINGS)


async def test_a_value_is_kept_until_it_is_reset(settings: OperatorSettings) -> None:
    assert [setting.entry for setting in await settings.all()] == list(ENTRIES)
    await settings.change(CommandLine(), {"upload_limit": 7 * MEBIBYTE})
    setting = await settings.get("upload_limit")
    assert (setting.value, setting.source) == (7 * MEBIBYTE, Source.OPERATOR)
    assert setting.fallback == SETTINGS.upload_limit
    await settings.change(CommandLine(), {"upload_limit": None})
    setting = await settings.get("upload_limit")
    assert (setting.value, setting.source) == (SETTINGS.upload_limit, Source.ENVIRONMENT)


async def test_all_or_nothing_is_changed(settings: OperatorSettings) -> None:
    before = await settings.all()
    for values in (
        {"upload_limit": 7 * MEBIBYTE, "context_tokens": 1},
        {"upload_limit": 7 * MEBIBYTE, "nonsense": 1},
    ):
        with pytest.raises((SettingInvalidError, UnknownSettingError)):
            await settings.change(CommandLine(), values)
    assert await settings.all() == before


async def test_each_change_is_in_the_audit_with_both_values(
    settings: OperatorSettings, database: Database, olga: Account
) -> None:
    values = {"context_tokens": 4096, "job_days": 60, "upload_limit": None}
    changed = await settings.change(olga, values)
    # What was the default and is now set is a change of its source.
    assert [setting.entry.name for setting in changed] == ["context_tokens", "job_days"]
    async with database.connection() as connection:
        rows = await connection.execute(
            "SELECT actor, action, object, detail FROM core.audit ORDER BY id"
        )
        [first, second] = await rows.fetchall()
    assert first == (
        "olga",
        "setting.change",
        "context_tokens",
        {"from": 8192, "to": 4096, "source": "operator"},
    )
    assert second[2] == "job_days"


async def test_members_change_nothing(settings: OperatorSettings, alice: Account) -> None:
    with pytest.raises(ForbiddenError):
        await settings.change(alice, {"context_tokens": 4096})
    assert (await settings.get("context_tokens")).source is Source.DEFAULT


async def test_chat_servers_follow_a_change_while_they_run(
    settings: OperatorSettings, chat_database: Database
) -> None:
    await settings.change(CommandLine(), {"context_tokens": 4096})
    async with LiveSettings(chat_database, SystemClock(), SETTINGS) as live:
        # Before the database has answered, the environment's values count.
        assert live.upload_limit() == SETTINGS.upload_limit

        async def started() -> bool:
            return live.context_tokens() == 4096 and live._notices.is_listening

        await until(started)
        await settings.change(CommandLine(), {"context_tokens": None, "upload_limit": 2 * MEBIBYTE})

        async def followed() -> bool:
            return (live.context_tokens(), live.upload_limit()) == (8192, 2 * MEBIBYTE)

        await until(followed, 10.0)


async def test_chat_servers_follow_the_models_that_requests_may_name(
    settings: OperatorSettings, chat_database: Database
) -> None:
    live = LiveSettings(chat_database, SystemClock(), SETTINGS)
    assert live.allowed_models() == ()
    await settings.change(CommandLine(), {"allowed_models": ("mistral:7b", "llama3.2")})
    await live.load()
    assert live.allowed_models() == ("mistral:7b", "llama3.2")


async def test_no_process_reads_a_setting_that_it_does_not_use(
    settings: OperatorSettings, chat_database: Database
) -> None:
    await settings.change(CommandLine(), {"job_days": 7, "context_tokens": 4096})
    live = LiveSettings(chat_database, SystemClock(), SETTINGS)
    await live.load()
    assert live._stored == {"context_tokens": 4096}


async def test_a_database_that_is_away_leaves_the_values_of_the_environment(tmp_path: Path) -> None:
    async with (
        Database(conninfo(tmp_path, "cloister_chat"), wait=0.1) as database,
        LiveSettings(database, SystemClock(), SETTINGS) as live,
    ):
        assert live.upload_limit() == SETTINGS.upload_limit


async def test_chat_servers_follow_what_every_page_shows(
    settings: OperatorSettings, chat_database: Database
) -> None:
    live = LiveSettings(chat_database, SystemClock(), SETTINGS)
    zones: list[str] = []
    live.use_zone = zones.append
    assert (live.banner(), live.session_lasts()) == ("", timedelta(days=14))
    values: Values = {"banner_text": "Closed tonight", "session_days": 2, "time_zone": "UTC"}
    await settings.change(CommandLine(), values)
    await live.load()
    assert (live.banner(), live.session_lasts()) == ("Closed tonight", timedelta(days=2))
    await settings.change(CommandLine(), {"time_zone": None, "banner_text": None})
    await live.load()
    assert live.banner() == ""
    assert zones == ["UTC", ""]
