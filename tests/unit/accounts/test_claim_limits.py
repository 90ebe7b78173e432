"""Wrong claim codes: refused by address, delayed in total; no stranger keeps the operator out."""

from __future__ import annotations

import pytest

from appliance.accounts.claim_limits import (
    FREE_IN_TOTAL,
    FREE_OF_ADDRESS,
    LONGEST_DELAY,
    ClaimLimits,
)
from appliance.accounts.errors import TooManyAttemptsError
from tests.fakes.clock import FakeClock

STRANGER, OPERATOR = "192.0.2.66", "192.0.2.1"


def code(number: int) -> str:
    return f"{number:020}"


async def test_an_address_that_sends_wrong_codes_must_wait() -> None:
    clock = FakeClock()
    limits = ClaimLimits(clock)
    for number in range(FREE_OF_ADDRESS):
        await limits.begin(STRANGER, code(number))
    with pytest.raises(TooManyAttemptsError):
        await limits.begin(STRANGER, code(99))
    await limits.begin(OPERATOR, code(99))
    clock.advance(2)
    await limits.begin(STRANGER, code(99))


async def test_one_wrong_code_counts_once_and_a_good_one_not_at_all() -> None:
    limits = ClaimLimits(FakeClock())
    for _ in range(3 * FREE_OF_ADDRESS):
        await limits.begin(OPERATOR, code(1))
    for number in range(2, 3 * FREE_OF_ADDRESS):
        await limits.begin(OPERATOR, code(number))
        limits.succeeded(OPERATOR, code(number))


async def test_many_wrong_codes_delay_the_operator_by_seconds_and_never_refuse() -> None:
    clock = FakeClock()
    limits = ClaimLimits(clock)
    for number in range(10 * FREE_IN_TOTAL):
        await limits.begin(f"198.51.{number // 250}.{number % 250}", code(number))
    before = clock.monotonic()
    await limits.begin(OPERATOR, code(-1))
    assert 0 < clock.monotonic() - before <= LONGEST_DELAY


async def test_a_few_wrong_codes_delay_no_other_address() -> None:
    clock = FakeClock()
    limits = ClaimLimits(clock)
    for number in range(FREE_IN_TOTAL - 1):
        await limits.begin(f"198.51.100.{number}", code(number))
    before = clock.monotonic()
    await limits.begin(OPERATOR, code(-1))
    assert clock.monotonic() == before
