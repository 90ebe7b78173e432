"""Ask all checks at once; whatever happens to one is told as its finding."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from appliance.core.errors import ApplianceError
from appliance.health.model import Check, Examined, Finding, failed


async def examine(checks: Sequence[Check]) -> list[Examined]:
    """Return what the checks found, in their order, within the longest of their limits."""
    findings = await asyncio.gather(*map(_asked, checks))
    return [Examined(check.name, found) for check, found in zip(checks, findings, strict=True)]


async def _asked(check: Check) -> Finding:
    try:
        async with asyncio.timeout(check.limit):
            return await check.ask()
    except TimeoutError:
        sentence = f"There was no answer within {check.limit:g} seconds."
        return failed(sentence, "Is the machine overloaded, or its disk broken? See `dmesg`.")
    except ApplianceError as error:
        return failed(error.message, error.advice)
    except Exception as error:  # noqa: BLE001 - the other findings matter more than a traceback
        sentence = f"The check itself failed: {type(error).__name__}: {error}"
        return failed(sentence, "Look into what the message names; the other checks still hold.")
