"""The rescue code and its session, at their limits."""

from __future__ import annotations

import pytest

from admin.errors import RescueCodeError
from admin.rescue import CODE_LASTS, SESSION_LASTS, Rescue
from appliance.accounts.errors import TooManyAttemptsError
from appliance.actors.model import RescueCode
from tests.fakes.clock import FakeClock

HERE = "192.0.2.1"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rescue(clock: FakeClock) -> Rescue:
    return Rescue(clock)


def test_a_code_works_once_however_it_is_typed(rescue: Rescue) -> None:
    code = rescue.new_code().text
    token = rescue.use(f" {code.lower().replace('-', ' ')} ", HERE)
    assert rescue.holder(token.text) == RescueCode()
    with pytest.raises(RescueCodeError):
        rescue.use(code, HERE)


def test_a_new_code_replaces_the_earlier_one(rescue: Rescue) -> None:
    earlier = rescue.new_code()
    rescue.new_code()
    with pytest.raises(RescueCodeError):
        rescue.use(earlier.text, HERE)


def test_a_code_lasts_a_quarter_of_an_hour(rescue: Rescue, clock: FakeClock) -> None:
    code = rescue.new_code()
    clock.advance(CODE_LASTS.total_seconds())
    with pytest.raises(RescueCodeError):
        rescue.use(code.text, HERE)


def test_a_session_lasts_an_hour(rescue: Rescue, clock: FakeClock) -> None:
    token = rescue.use(rescue.new_code().text, HERE)
    clock.advance(SESSION_LASTS.total_seconds() - 1)
    assert rescue.holder(token.text)
    clock.advance(1)
    assert rescue.holder(token.text) is None


def test_an_ended_session_opens_nothing(rescue: Rescue) -> None:
    token = rescue.use(rescue.new_code().text, HERE)
    rescue.end("something else")
    assert rescue.holder(token.text)
    rescue.end(token.text)
    assert rescue.holder(token.text) is None


def test_guessing_from_elsewhere_does_not_lock_the_operator_out(rescue: Rescue) -> None:
    for _ in range(5):
        with pytest.raises(RescueCodeError):
            rescue.use("AAAAA", "198.51.100.7")
    with pytest.raises(TooManyAttemptsError):
        rescue.use("AAAAA", "198.51.100.7")
    assert rescue.use(rescue.new_code().text, HERE).text
