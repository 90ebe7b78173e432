"""A copy that is killed at a random moment goes on at each kind of target, and harms nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.offsite.model import Target
from tests.builders.offsite import Machine, restic
from tests.integration.offsite.test_union import kill_in_mid_copy, random_moments


@pytest.mark.timeout(200)
async def test_the_next_copy_completes_what_was_killed(
    home: Machine, target: tuple[Target, Path]
) -> None:
    chance = random_moments(21)
    home.set_up(_slow(target[0]))
    home.back_up()
    await home.do("probe")
    for _ in range(5):
        kill_in_mid_copy(home, chance)
    home.set_up(target[0])
    assert (await home.do("copy"))["complete"]
    assert "no errors were found" in restic(target[1], "check", "--read-data")


def _slow(target: Target) -> Target:
    """Return the target with a line on which the copy takes longer than the moments of the kill."""
    return replace(target, limit=600)
