"""Codes that people type, names and passwords."""

from __future__ import annotations

import time

import pytest

from appliance.accounts.errors import WeakPasswordError
from appliance.accounts.secrets import (
    Passwords,
    checked_password,
    code_digest,
    new_code,
    new_token,
)


def test_a_code_is_the_same_however_it_is_typed() -> None:
    code = new_code()
    assert code_digest(code.text.lower().replace("-", "  ")) == code.digest
    assert code_digest("O0-iL1") == code_digest("00111")


def test_a_secret_does_not_show_itself() -> None:
    token = new_token("cl_")
    assert token.text not in repr(token)
    assert token.text.startswith("cl_")


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "olga-olga-olga", "x" * 1001])
def test_it_refuses_weak_passwords(password: str) -> None:
    with pytest.raises(WeakPasswordError):
        checked_password(password, "olga")


def test_an_unusable_password_matches_nothing() -> None:
    passwords = Passwords(time_cost=1, memory_cost=8)
    assert not passwords.matches(Passwords.unusable(), "!")
    assert not passwords.matches(None, "anything")
    assert passwords.matches(passwords.hash("right"), "right")


def test_an_account_without_a_password_is_answered_no_sooner() -> None:
    passwords = Passwords(time_cost=8, memory_cost=8 * 1024)
    passwords.matches(None, "the decoy is made by the first call")

    def seconds(encoded: str | None) -> float:
        begun = time.process_time()
        passwords.matches(encoded, "wrong")
        return time.process_time() - begun

    assert seconds(Passwords.unusable()) > seconds(None) / 4


def test_a_short_name_may_stand_in_a_password_by_chance() -> None:
    assert checked_password("correct horse battery", "o") == "correct horse battery"
