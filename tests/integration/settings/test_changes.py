"""How a change gets to the processes: at once, by the file of the start, or on trial."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.accounts.model import Account
from appliance.actors.model import CommandLine
from appliance.core.clock import SystemClock
from appliance.core.errors import DatabaseUnavailableError, ForbiddenError
from appliance.core.settings import Settings
from appliance.core.start_settings import read_settings, read_values, texts_of, write_values
from appliance.db.pool import Database, conninfo
from appliance.settings.changes import SettingChanges
from appliance.settings.errors import SettingChangedError, SettingInvalidError, StartFileError
from appliance.settings.service import OperatorSettings
from appliance.settings.starting import StartSettings
from appliance.settings.trialled import TrialledSettings
from appliance.trial.errors import TrialRunningError
from appliance.trial.model import LASTS, TrialKind
from appliance.trial.service import Trials
from tests.fakes.clock import FakeClock


class Process:
    """What one run of the supervisor has of the settings; a new one is the run after it."""

    def __init__(self, home: Path, database: Database, clock: FakeClock | None = None) -> None:
        settings = read_settings({"CLOISTER_HOME": str(home), "CLOISTER_HOST": "box"})
        self.settings = settings
        self.clock = clock or FakeClock()
        self.chosen = OperatorSettings(database, settings, self.clock)
        self.start = StartSettings(settings, self.clock)
        trialled = TrialledSettings(self.chosen, self.start)
        kind = TrialKind.SETTINGS
        self.trials = Trials(
            settings.state, self.clock, {kind: trialled.undo}, {kind: trialled.keep}
        )
        self.changes = SettingChanges(self.chosen, self.start, self.trials, self.clock)

    @property
    def texts(self) -> dict[str, str]:
        return texts_of(read_values(self.settings.start_file))

    @property
    def restarts(self) -> bool:
        return self.start.restart.is_set()

    async def value(self, name: str) -> object:
        return (await self.chosen.get(name)).value


@pytest.fixture
def process(tmp_path: Path, database: Database) -> Process:
    return Process(tmp_path, database)


@pytest.fixture
async def silent_database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(conninfo(tmp_path / "nothing", "cloister"), wait=0.05) as database:
        yield database


async def test_what_is_followed_restarts_nothing(process: Process, olga: Account) -> None:
    changed = await process.changes.change(olga, {"banner_text": "Hello", "session_days": 3})
    assert [setting.entry.name for setting in changed.settings] == ["banner_text", "session_days"]
    assert (changed.trial, changed.restarts, process.texts) == (None, False, {})


async def test_what_the_start_needs_is_in_its_file_before_the_restart(
    process: Process, olga: Account, tmp_path: Path, database: Database
) -> None:
    changed = await process.changes.change(olga, {"generation_slots": 8, "chat_processes": 2})
    assert changed.restarts
    assert process.texts == {"CLOISTER_GENERATION_SLOTS": "8", "CLOISTER_CHAT_PROCESSES": "2"}
    after = Process(tmp_path, database)
    assert (after.settings.generation_slots, after.settings.chat_processes) == (8, 2)
    assert not after.restarts
    # The default is still the environment's.
    assert (await after.chosen.get("generation_slots")).fallback == 4
    assert (await after.changes.change(olga, {"generation_slots": None})).restarts
    assert after.texts == {"CLOISTER_CHAT_PROCESSES": "2"}


async def test_a_value_that_runs_already_restarts_nothing(process: Process, olga: Account) -> None:
    changed = await process.changes.change(olga, {"generation_slots": 4})
    assert (await process.chosen.get("generation_slots")).source == "operator"
    assert not changed.restarts


async def test_a_time_zone_is_in_the_file_and_restarts_nothing(
    process: Process, olga: Account
) -> None:
    changed = await process.changes.change(olga, {"time_zone": "Europe/Vienna"})
    assert process.texts == {"CLOISTER_TIME_ZONE": "Europe/Vienna"}
    assert not changed.restarts


async def test_a_crash_between_the_database_and_the_file_is_made_good(
    process: Process, olga: Account, tmp_path: Path, database: Database
) -> None:
    # As far as a supervisor came that was killed then.
    await process.chosen.change(olga, {"generation_slots": 8})
    assert process.texts == {}
    again = Process(tmp_path, database)
    assert again.settings.generation_slots == 4
    await again.changes.follow_once()
    assert again.restarts
    last = Process(tmp_path, database)
    assert last.settings.generation_slots == 8
    await last.changes.follow_once()
    assert not last.restarts


async def test_a_crash_between_the_file_and_the_restart_is_made_good_by_the_next_start(
    process: Process, olga: Account, tmp_path: Path, silent_database: Database
) -> None:
    await process.changes.change(olga, {"generation_slots": 8})
    # Also while the database is down.
    again = Process(tmp_path, silent_database)
    assert again.settings.generation_slots == 8
    with pytest.raises(DatabaseUnavailableError):
        await again.changes.follow_once()
    assert again.texts == {"CLOISTER_GENERATION_SLOTS": "8"}
    assert not again.restarts


async def test_what_can_shut_an_operator_out_is_stored_when_it_is_confirmed(
    process: Process, olga: Account, tmp_path: Path, database: Database
) -> None:
    changed = await process.changes.change(olga, {"web_port": 9000, "host_names": ("a", "b")})
    assert changed.trial is not None
    assert changed.after is not None
    assert (changed.after.port, changed.after.host_names) == (9000, ("a", "b"))
    assert process.restarts
    assert process.texts == {"CLOISTER_PORT": "9000", "CLOISTER_HOST_NAMES": "a b"}
    assert await process.value("web_port") == 8080
    tried = Process(tmp_path, database, process.clock)
    await tried.trials.load()
    assert tried.settings.port == 9000
    # The file is not brought back to what the database has meanwhile.
    await tried.changes.follow_once()
    assert not tried.restarts
    await tried.trials.confirm(changed.trial.token)
    assert await tried.value("host_names") == ("a", "b")
    port = await tried.chosen.get("web_port")
    assert (port.value, port.changed_by, port.changed_at) == (9000, "olga", tried.clock.now())
    await tried.changes.follow_once()
    assert not tried.restarts
    async with database.connection() as connection:
        rows = await connection.execute("SELECT actor, object FROM core.audit ORDER BY id")
        assert await rows.fetchall() == [("olga", "host_names"), ("olga", "web_port")]


@pytest.mark.parametrize("is_down", [False, True])
async def test_what_is_not_confirmed_is_undone_also_without_the_database(
    process: Process,
    olga: Account,
    tmp_path: Path,
    database: Database,
    silent_database: Database,
    is_down: bool,
) -> None:
    await process.changes.change(olga, {"generation_slots": 8})
    await process.changes.change(olga, {"web_port": 9000})
    # The supervisor is killed, and another one goes on.
    tried = Process(tmp_path, silent_database if is_down else database, process.clock)
    await tried.trials.load()
    assert (tried.settings.port, tried.settings.generation_slots) == (9000, 8)
    tried.clock.advance(LASTS.total_seconds())
    running = asyncio.create_task(tried.trials.run())
    async with asyncio.timeout(10):
        await tried.start.restart.wait()
        while tried.trials.current():
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert tried.texts == {"CLOISTER_GENERATION_SLOTS": "8"}
    after = Process(tmp_path, database)
    assert after.settings.port == 8080
    await after.changes.follow_once()
    assert not after.restarts


async def test_a_trial_that_was_confirmed_as_the_supervisor_was_killed_stays(
    process: Process, olga: Account, tmp_path: Path, database: Database
) -> None:
    changed = await process.changes.change(olga, {"web_port": 9000})
    assert changed.trial is not None
    # Stored, and killed before the record was removed.
    await TrialledSettings(process.chosen, process.start).keep(changed.trial.facts)
    tried = Process(tmp_path, database)
    await tried.trials.load()
    await tried.trials.undo_now()
    await tried.changes.follow_once()
    assert Process(tmp_path, database).settings.port == 9000


async def test_one_change_is_on_trial_at_a_time(process: Process, olga: Account) -> None:
    await process.changes.change(olga, {"web_port": 9000})
    for values in ({"host": "chat"}, {"generation_slots": 8}):
        with pytest.raises(TrialRunningError):
            await process.changes.change(CommandLine(), values)
    await process.changes.change(CommandLine(), {"banner_text": "On trial"})
    assert await process.value("banner_text") == "On trial"
    assert await process.value("generation_slots") == 4
    assert process.texts == {"CLOISTER_PORT": "9000"}


async def test_a_change_that_cannot_be_written_is_not_on_trial(
    process: Process, olga: Account, tmp_path: Path
) -> None:
    (tmp_path / "settings").write_text("a file where the folder should be")
    with pytest.raises(StartFileError):
        await process.changes.change(olga, {"web_port": 9000})
    assert not process.restarts
    assert await process.value("web_port") == 8080


async def test_two_operators_do_not_overwrite_each_other(process: Process, olga: Account) -> None:
    seen = {setting.entry.name: setting.text for setting in await process.chosen.all()}
    first = process.changes.change(olga, {"upload_limit": 2**21, "web_port": 9000}, seen=seen)
    second = process.changes.change(
        CommandLine(), {"upload_limit": 2**22, "job_days": 5}, seen=seen
    )
    done, failed = await asyncio.gather(first, second, return_exceptions=True)
    assert not isinstance(done, BaseException)
    assert isinstance(failed, SettingChangedError)
    assert failed.facts == {
        "name": "upload_limit",
        "title": "Largest upload",
        "value": "2 MB",
        "by": "olga",
    }
    assert await process.value("upload_limit") == 2**21
    # All or nothing.
    assert await process.value("job_days") == 60
    # Other fields do not stand in each other's way.
    await process.changes.change(CommandLine(), {"job_days": 5}, seen=seen)
    assert await process.value("job_days") == 5


async def test_two_processes_do_not_overwrite_each_other(
    process: Process, olga: Account, tmp_path: Path, database: Database
) -> None:
    other = Process(tmp_path, database)
    results = await asyncio.gather(
        process.chosen.change(olga, {"job_days": 5}, seen={"job_days": "60"}),
        other.chosen.change(CommandLine(), {"job_days": 6}, seen={"job_days": "60"}),
        return_exceptions=True,
    )
    assert sorted(isinstance(result, SettingChangedError) for result in results) == [False, True]


async def test_bad_values_change_nothing(process: Process, olga: Account, alice: Account) -> None:
    for values in ({"web_port": 70_000, "job_days": 5}, {"time_zone": "Mars/Base"}):
        with pytest.raises(SettingInvalidError):
            await process.changes.change(olga, values)
    with pytest.raises(ForbiddenError):
        await process.changes.change(alice, {"web_port": 9000})
    assert process.trials.current() is None
    assert (await process.value("job_days"), process.texts) == (60, {})


async def test_a_setting_says_who_changed_it_last_and_when(process: Process, olga: Account) -> None:
    assert (await process.chosen.get("job_days")).changed_by is None
    await process.changes.change(olga, {"job_days": 5})
    process.clock.advance(60)
    await process.changes.change(CommandLine(), {"job_days": None})
    setting = await process.chosen.get("job_days")
    assert (setting.source, setting.changer) == ("default", "the command line")
    assert setting.changed_at == process.clock.now()
    said = setting.as_json()
    assert said["changed_at"] == (process.clock.now()).isoformat()
    json.dumps(said)


async def test_a_file_that_knows_other_values_is_brought_to_the_database(
    process: Process, tmp_path: Path, database: Database
) -> None:
    """As after a restore of the database alone."""
    path, now = process.settings.start_file, SystemClock().now() - timedelta(days=1)
    write_values(path, {"CLOISTER_GENERATION_SLOTS": "8"}, now)
    restored = Process(tmp_path, database)
    assert restored.settings.generation_slots == 8
    await restored.changes.follow_once()
    assert restored.restarts
    assert Process(tmp_path, database).settings.generation_slots == 4


def test_a_start_without_nginx_says_so(tmp_path: Path) -> None:
    settings = Settings(tmp_path, nginx=None, port=8080)
    start = StartSettings(replace(settings), FakeClock())
    assert start.settings_with({"CLOISTER_PORT": "9000"}).console_address == "http://127.0.0.1:9001"
