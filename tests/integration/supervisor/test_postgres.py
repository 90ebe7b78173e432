"""PostgreSQL itself, from the wheel: made, started, killed, brought back, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import psycopg
import pytest

from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import CHAT_CONNECTIONS
from appliance.probes.model import ProbeState
from appliance.supervisor.loop import Policy
from appliance.supervisor.model import Cause, Phase
from appliance.units.child import ChildProcessDriver
from appliance.units.cluster import CHILD_PATIENCE, STOP_GRACE
from appliance.units.errors import DatabaseVersionError, PreparationError
from appliance.units.model import Unit
from appliance.units.postgres import postgres
from appliance.units.programs import find_programs
from tests.integration.supervisor.parts import (
    driver_of,
    gone,
    kill,
    phase,
    pid_of,
    supervised,
    until,
)
from tests.postgres import children, paused


@pytest.fixture
async def unit(settings: Settings) -> Unit:
    programs = await find_programs(settings)
    assert programs.postgres is not None
    return await asyncio.to_thread(postgres, settings, programs.postgres, SystemClock())


async def ask(settings: Settings, statement: str) -> object:
    async with await psycopg.AsyncConnection.connect(
        host=str(settings.database_socket), user="cloister", dbname="postgres", autocommit=True
    ) as connection:
        cursor = await connection.execute(statement)
        row = await cursor.fetchone()
        return row[0] if row else None


async def run(settings: Settings, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(
        host=str(settings.database_socket), user="cloister", dbname="postgres", autocommit=True
    ) as connection:
        await connection.execute(statement)


async def test_a_new_database_starts_with_the_promised_settings(
    settings: Settings, unit: Unit
) -> None:
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        assert await ask(settings, "SHOW data_checksums") == "on"
        assert await ask(settings, "SHOW server_encoding") == "UTF8"
        assert await ask(settings, "SHOW jit") == "off"
        assert await ask(settings, "SHOW listen_addresses") == ""
        assert await ask(settings, "SELECT lower('ÄÉЖ')") == "äéж"
        assert await ask(settings, "SELECT current_user") == "cloister"
        available = "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
        assert str(await ask(settings, available)) >= "0.8"
        pid = pid_of(supervisor, "postgres")
    assert gone(pid)
    assert not (settings.database / "postmaster.pid").exists()


async def test_a_running_server_learns_of_further_accounts(settings: Settings, unit: Unit) -> None:
    """As an upgrade brings them, which does not stop the database."""
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        pid = pid_of(supervisor, "postgres")
        await run(settings, "CREATE ROLE cloister_backup LOGIN")
        identities = settings.database / "pg_ident.conf"
        identities.write_text(identities.read_text().replace("cloister_backup", "other"))
        await run(settings, "SELECT pg_reload_conf()")
        known = "SELECT count(*) FROM pg_ident_file_mappings WHERE pg_username = 'cloister_backup'"
        assert await ask(settings, known) == 0
        await unit.refresh()
        os.kill(pid, signal.SIGHUP)
        assert await ask(settings, known) != 0
        assert pid_of(supervisor, "postgres") == pid


async def test_after_kill_9_it_serves_again_and_has_lost_nothing(
    settings: Settings, unit: Unit
) -> None:
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        async with await psycopg.AsyncConnection.connect(
            host=str(settings.database_socket), user="cloister", dbname="postgres", autocommit=True
        ) as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
            killed = pid_of(supervisor, "postgres")
            kill(killed)
            await until(lambda: supervisor.view("postgres").pid not in {None, killed})
            await until(lambda: phase(supervisor, "postgres") is Phase.READY)
        assert await ask(settings, "SELECT number FROM kept") == 42
        assert supervisor.view("postgres").restarts == 1


async def test_there_is_room_for_every_pool_of_every_chat_server(
    settings: Settings, unit: Unit
) -> None:
    programs = await find_programs(settings)
    assert programs.postgres
    several = replace(settings, chat_processes=8)
    unit = await asyncio.to_thread(postgres, several, programs.postgres, SystemClock())
    async with supervised(several, unit) as supervisor:
        await until(supervisor.ready.is_set)
        assert int(str(await ask(several, "SHOW max_connections"))) > 8 * CHAT_CONNECTIONS


async def test_a_server_that_accepts_no_session_any_more_is_restarted(
    settings: Settings, unit: Unit
) -> None:
    """After SIGTERM it waits for its last session, and refuses all others meanwhile."""
    async with supervised(settings, unit, policy=Policy(failing=0.5)) as supervisor:
        await until(supervisor.ready.is_set)
        first = pid_of(supervisor, "postgres")
        session = await psycopg.AsyncConnection.connect(
            host=str(settings.database_socket), user="cloister", dbname="postgres"
        )
        async with session:
            os.kill(first, signal.SIGTERM)
            await until(lambda: supervisor.view("postgres").pid not in {None, first}, seconds=40)
            await until(lambda: phase(supervisor, "postgres") is Phase.READY)


def test_a_server_that_hangs_leaves_time_to_start_another_within_15_seconds() -> None:
    assert STOP_GRACE + CHILD_PATIENCE <= 6


@pytest.mark.parametrize("whole", [False, True], ids=["the server", "all its processes"])
async def test_a_server_that_hangs_is_killed_and_serves_again(
    settings: Settings,
    unit: Unit,
    whole: bool,
) -> None:
    policy = Policy(failing=0.5)
    async with supervised(settings, unit, policy=policy) as supervisor:
        await until(supervisor.ready.is_set)
        first = pid_of(supervisor, "postgres")
        await run(settings, "CREATE TABLE kept AS SELECT 42 AS number")
        hanging = [first, *(await asyncio.to_thread(children, first) if whole else [])]
        with paused(*hanging):
            await until(
                lambda: supervisor.view("postgres").cause is Cause.STOPPED_ANSWERING, seconds=40
            )
            await until(lambda: supervisor.view("postgres").pid not in {None, first}, seconds=40)
            await until(lambda: phase(supervisor, "postgres") is Phase.READY, seconds=40)
            assert all(gone(pid) for pid in hanging)
        assert await ask(settings, "SELECT number FROM kept") == 42


async def _serving(driver: ChildProcessDriver, unit: Unit) -> int:
    """Start the server without a supervisor, and return its process id when it answers."""
    await driver.start(unit)
    while (await unit.probe.read()).state is not ProbeState.OK:  # type: ignore[union-attr]
        await asyncio.sleep(0.05)
    return driver.status(unit.name).pid or 0


async def test_a_server_that_was_left_running_and_hangs_is_killed_before_a_new_one_starts(
    settings: Settings, unit: Unit
) -> None:
    async with driver_of((unit,), settings) as driver:
        first = await _serving(driver, unit)
        (settings.run / "units" / "postgres.json").unlink()
        hanging = [first, *await asyncio.to_thread(children, first)]
        with paused(*hanging):
            await unit.prepare()
            assert all(gone(pid) for pid in hanging)


async def test_a_server_that_was_left_running_is_stopped_before_a_new_one_starts(
    settings: Settings, unit: Unit
) -> None:
    async with driver_of((unit,), settings) as driver:
        first = await _serving(driver, unit)
        # There is no record of it, as after a crash between its start and the record.
        (settings.run / "units" / "postgres.json").unlink()
        await unit.prepare()
        assert gone(first)
        assert not (settings.database / "postmaster.pid").exists()


async def test_a_stale_lock_file_that_names_another_process_does_not_stop_the_start(
    settings: Settings, unit: Unit
) -> None:
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
    (settings.database / "postmaster.pid").write_text("1\n/elsewhere\n")
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)


async def test_half_a_data_directory_is_made_again(settings: Settings, unit: Unit) -> None:
    half = settings.database.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("16\n")
    await unit.prepare()
    assert (settings.database / "PG_VERSION").exists()
    assert not half.exists()


async def test_a_folder_that_is_no_database_is_refused_and_left_as_it_is(
    settings: Settings, unit: Unit
) -> None:
    settings.database.mkdir()
    letter = settings.database / "letter.txt"
    letter.write_text("dear")
    with pytest.raises(PreparationError, match="not empty"):
        await unit.prepare()
    assert letter.read_text() == "dear"


async def test_data_of_another_major_version_is_refused_with_both_versions(
    settings: Settings, unit: Unit
) -> None:
    settings.database.mkdir()
    (settings.database / "PG_VERSION").write_text("13\n")
    async with driver_of((unit,), settings) as driver:
        await driver.start(unit)
        ending = driver.status("postgres").ending
    with pytest.raises(DatabaseVersionError):
        await unit.prepare()
    assert ending is not None
    assert "made by PostgreSQL 13" in ending.detail


async def test_its_messages_are_kept_in_the_units_log(settings: Settings, unit: Unit) -> None:
    async with supervised(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        await until(
            lambda: any("ready to accept" in line for line in supervisor.lines("postgres", 50))
        )
    assert "ready to accept connections" in (settings.logs / "postgres.log").read_text()
