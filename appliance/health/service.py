"""Run all checks at once, each with its own deadline, and say how the machine is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from appliance.core.deadline import abandon_after
from appliance.core.errors import ApplianceError, Audience
from appliance.health.model import Check, CheckResult, Health, failed
from appliance.health.remedies import RunCommand


class HealthService:
    """Runs the checks of the machine. `checks` is called again for each run."""

    def __init__(self, checks: Callable[[], Sequence[Check]]) -> None:
        self._checks = checks

    async def current(self) -> Health:
        """Ask every check now. Never raises, and takes as long as the longest deadline."""
        return Health(tuple(await run_checks(self._checks())))


async def run_checks(
    checks: Sequence[Check], audience: Audience = Audience.OPERATOR
) -> list[CheckResult]:
    """Return what the checks found, in their order, within the longest of their limits."""
    answers = await asyncio.gather(*(_run(check, audience) for check in checks))
    return [result for results in answers for result in results]


async def _run(check: Check, audience: Audience) -> list[CheckResult]:
    try:
        answer = await abandon_after(check.limit, _asked(check))
    except TimeoutError:
        sentence = f"The check of {check.id} had no answer within {check.limit:g} seconds."
        hint = "The machine may be overloaded, or its disk broken; the kernel's log may say."
        return [failed(check.id, sentence, hint, RunCommand("dmesg"))]
    except ApplianceError as error:
        words = error.words_for(audience)
        return [failed(check.id, words.sentence, words.hint)]
    except Exception as error:  # noqa: BLE001 - the other results matter more than a traceback
        sentence = f"The check of {check.id} itself failed: {type(error).__name__}: {error}"
        hint = "This is a fault of Cloister; the log of the supervisor may say more."
        return [failed(check.id, sentence, hint, RunCommand("journalctl -u cloister"))]
    return answer if isinstance(answer, list) else [answer]


async def _asked(check: Check) -> CheckResult | list[CheckResult]:
    return await check.ask()
