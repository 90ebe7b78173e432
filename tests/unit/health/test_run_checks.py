"""All results arrive in their order, and in time, also when a check hangs or raises."""

from __future__ import annotations

import asyncio

from appliance.core.errors import Audience, DatabaseUnavailableError
from appliance.health.model import Check, CheckResult, CheckState, ok, warning
from appliance.health.service import HealthService, run_checks


async def well() -> CheckResult:
    return ok("well", "All is well.")


async def several() -> list[CheckResult]:
    return [ok("one", "One is well."), warning("two", "Two is not.", "Look at it.")]


async def hung() -> CheckResult:
    await asyncio.Event().wait()
    return ok("hung", "never")


async def broken() -> CheckResult:
    raise KeyError("free")


async def refused() -> CheckResult:
    raise DatabaseUnavailableError


async def test_a_check_that_hangs_or_raises_is_a_result_like_any_other() -> None:
    found = await run_checks(
        [
            Check("hung", hung, limit=0.01),
            Check("broken", broken),
            Check("refused", refused),
            Check("well", well),
            Check("several", several),
        ],
        Audience.COMMAND_LINE,
    )
    assert [each.id for each in found] == ["hung", "broken", "refused", "well", "one", "two"]
    assert [each.state for each in found[:4]] == [CheckState.FAILED] * 3 + [CheckState.OK]
    assert "within 0.01 seconds" in found[0].sentence
    assert "KeyError" in found[1].sentence
    words = DatabaseUnavailableError().words_for(Audience.COMMAND_LINE)
    assert (found[2].sentence, found[2].hint) == (words.sentence, words.hint)


async def test_a_check_that_does_not_end_when_it_is_cancelled_delays_no_other() -> None:
    """As a statement does that waits for a database which hangs to agree to the cancellation."""
    released = asyncio.Event()

    async def stubborn() -> CheckResult:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        return ok("stubborn", "late")

    async with asyncio.timeout(10):
        (found,) = await run_checks([Check("stubborn", stubborn, limit=0.01)])
    assert found.state is CheckState.FAILED
    assert "within 0.01 seconds" in found.sentence
    released.set()


async def test_the_service_asks_again_each_time() -> None:
    answers = [ok("x", "Fine."), warning("x", "Not so fine.", "Look at it.")]

    async def next_answer() -> CheckResult:
        return answers.pop(0)

    service = HealthService(lambda: [Check("x", next_answer)])
    assert (await service.current()).state is CheckState.OK
    assert (await service.current()).state is CheckState.WARNING
