"""Codes that people type, names and passwords."""

from __future__ import annotations

import base64
import time

import pytest
from argon2 import PasswordHasher

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


def test_a_key_is_of_one_password_and_one_salt() -> None:
    passwords = Passwords(time_cost=1, memory_cost=8)
    stored = passwords.new("right")
    assert passwords.derive(stored.parameters, "right") == stored.key
    assert passwords.derive(stored.parameters, "wrong") != stored.key
    assert passwords.new("right").key != stored.key


@pytest.mark.parametrize("length", [16, 32])
def test_it_derives_what_argon2_wrote_into_the_hashes_of_earlier_versions(length: int) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=length)
    parameters, _, text = hasher.hash("right").rpartition("$")
    key = base64.b64decode(text + "=" * (-len(text) % 4))
    assert Passwords().derive(f"{parameters}${length}", "right") == key


def test_parameters_that_no_version_has_made_are_refused() -> None:
    with pytest.raises(ValueError, match="parameters"):
        Passwords().derive("$2b$12$abcdefghijklmnopqrstuv", "right")


def test_an_account_without_a_password_is_answered_no_sooner() -> None:
    passwords = Passwords(time_cost=8, memory_cost=8 * 1024)
    stored = passwords.new("right")

    def seconds(parameters: str | None) -> float:
        begun = time.process_time()
        passwords.derive(parameters, "wrong")
        return time.process_time() - begun

    assert seconds(None) > seconds(stored.parameters) / 4


def test_a_short_name_may_stand_in_a_password_by_chance() -> None:
    assert checked_password("correct horse battery", "o") == "correct horse battery"
