"""Whatever happens to a check, all findings arrive in their order."""

from __future__ import annotations

import asyncio

from appliance.core.errors import DatabaseUnavailableError
from appliance.health.examine import examine
from appliance.health.model import Check, Finding, State, fine


async def well() -> Finding:
    return fine("All is well.")


async def hung() -> Finding:
    await asyncio.Event().wait()
    return fine("never")


async def broken() -> Finding:
    raise KeyError("free")


async def refused() -> Finding:
    raise DatabaseUnavailableError


async def test_a_check_that_hangs_or_raises_is_a_finding_like_any_other() -> None:
    found = await examine(
        [
            Check("hung", hung, limit=0.01),
            Check("broken", broken),
            Check("refused", refused),
            Check("well", well),
        ]
    )
    assert [examined.check for examined in found] == ["hung", "broken", "refused", "well"]
    states = [examined.finding.state for examined in found]
    assert states == [State.FAILED, State.FAILED, State.FAILED, State.OK]
    assert "within 0.01 seconds" in found[0].finding.sentence
    assert "KeyError" in found[1].finding.sentence
    assert found[2].finding.hint == DatabaseUnavailableError.hint
