"""Killed at any moment, an operation leaves only whole snapshots, and the next run succeeds."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from subprocess import Popen

import pytest

from appliance.repository.model import Kind
from appliance.repository.place import models_address, own_address
from appliance.repository.restic import Repository
from tests.builders.backups import BackedUp
from tests.builders.kept_models import add_model
from tests.builders.repositories import PASSWORD
from tests.integration.backup.whole import assert_each_snapshot_is_whole

SEED = 8


def killed(process: Popen[bytes], after: float) -> bool:
    """Kill an operation after so many seconds; return whether it was at work still."""
    deadline = time.monotonic() + after
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    was_at_work = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL) if was_at_work else None
    process.communicate()
    return was_at_work


async def duration(home: BackedUp, name: str) -> float:
    """Return how long an operation takes here and now."""
    begin = time.monotonic()
    process = home.start(name)
    await asyncio.to_thread(process.communicate)
    assert process.returncode == 0, home.log_of(name)
    return time.monotonic() - begin


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "moments"), [("set", 8), ("hot", 6)])
async def test_a_killed_backup_leaves_whole_snapshots_only(
    home: BackedUp, name: str, moments: int
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same moments each time
    home.add_chunks(home.add_documents(20, size=100_000)[0], 300)
    usual, hits = await duration(home, name), 0
    for _ in range(moments):
        home.add_documents(2, size=100_000)
        process = home.start(name)
        hits += await asyncio.to_thread(killed, process, chance.uniform(0.1, 0.95) * usual)
    # Unattended: whatever the last one left, the next run goes through.
    await home.do(name)
    assert hits >= moments // 2
    assert await assert_each_snapshot_is_whole(home) >= 2
    assert not list(home.settings.backup.glob("[sh]??/*"))


@pytest.mark.timeout(300)
async def test_a_killed_backup_of_models_leaves_nothing_half(home: BackedUp) -> None:
    chance, hits = random.Random(SEED), 0  # noqa: S311 - the same moments each time
    await home.do("set")
    add_model(home.settings, size=3_000_000)
    usual = await duration(home, "models")
    for number in range(6):
        add_model(home.settings, f"model{number}:latest", size=3_000_000)
        process = home.start("models")
        hits += await asyncio.to_thread(killed, process, chance.uniform(0.3, 0.95) * usual)
    add_model(home.settings, "last:latest")
    found = await home.do("models")
    assert hits >= 3
    assert len(found["models"]) == 8
    models = Repository(models_address(own_address(home.settings)), PASSWORD)
    await models.check("100%")
    assert all([await models.is_whole(one.id) for one in await models.model_snapshots()])
    # What killed work left is removed with what is old.
    await home.report((await home.do("set"))["snapshot"])
    await home.do("prune")
    await models.check("100%")
    assert not list(home.settings.repository.glob("models/locks/*"))


@pytest.mark.timeout(300)
async def test_a_killed_prune_leaves_whole_snapshots_only(home: BackedUp) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same moments each time
    home.add_documents(20, size=100_000)
    now, usual, hits = datetime.now(UTC), 1.5, 0
    forged: list[str] = []
    for number in range(7):
        old = [now - timedelta(days=days) for days in (10, 11, 12, 13)]
        forged += [await home.forge(Kind.SET, moment) for moment in old]
        home.add_person()
        found = await home.do("set")
        await home.report(found["snapshot"])
        if number == 0:
            usual = await duration(home, "prune")
        else:
            process = home.start("prune")
            hits += await asyncio.to_thread(killed, process, chance.uniform(0.3, 0.95) * usual)
        # A set after a killed prune does not wait for a person either.
        home.add_person()
        await home.do("set")
    assert hits >= 3
    found = await home.do("prune")
    assert "refused" not in found
    assert await assert_each_snapshot_is_whole(home, forged=tuple(forged)) == 14
