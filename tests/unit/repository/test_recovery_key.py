"""A recovery key survives a person's handwriting, and never shows itself."""

from __future__ import annotations

import pytest

from appliance.repository.errors import KeyMistypedError
from appliance.repository.recovery_key import RecoveryKey, fingerprint


def test_a_key_has_nine_groups_of_four_and_160_random_bits() -> None:
    key = RecoveryKey.new()
    groups = key.text.split("-")
    assert [len(group) for group in groups] == [4] * 9
    assert len(key.password) * 5 == 160
    assert RecoveryKey.new() != key


@pytest.mark.parametrize(
    "typed",
    [
        str.lower,
        lambda text: text.replace("-", ""),
        lambda text: text.replace("-", " \n"),
        lambda text: text.replace("0", "O").replace("1", "l"),
        lambda text: text.replace("1", "i"),
    ],
)
def test_it_is_read_as_people_write_it(typed: object) -> None:
    assert callable(typed)
    for _ in range(20):
        key = RecoveryKey.new()
        assert RecoveryKey.parse(typed(key.text)) == key


def test_each_single_slip_is_noticed() -> None:
    key = RecoveryKey.new()
    for at, character in enumerate(key.text):
        if character == "-":
            continue
        wrong = "7" if character != "7" else "8"
        with pytest.raises(KeyMistypedError):
            RecoveryKey.parse(key.text[:at] + wrong + key.text[at + 1 :])


@pytest.mark.parametrize("typed", ["", "ABCD", "é" * 36, "U" * 36, "A" * 100_000])
def test_what_is_no_key_is_refused(typed: str) -> None:
    with pytest.raises(KeyMistypedError):
        RecoveryKey.parse(typed)


def test_swapped_groups_are_noticed() -> None:
    key = RecoveryKey.new()
    first, second, *rest = key.text.split("-")
    if first != second:
        with pytest.raises(KeyMistypedError):
            RecoveryKey.parse("-".join((second, first, *rest)))


def test_neither_its_name_nor_its_description_gives_anything_away() -> None:
    key = RecoveryKey.new()
    assert key.password not in repr(key)
    assert key.fingerprint in repr(key)
    assert key.fingerprint == fingerprint(key.password)
    assert key.fingerprint not in key.text.replace("-", "")
