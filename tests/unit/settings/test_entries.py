"""What a person may type, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.settings import Settings, from_environment
from appliance.core.variables import MEBIBYTE
from appliance.settings.entry import Entry
from appliance.settings.errors import SettingInvalidError, UnknownSettingError
from appliance.settings.model import (
    ALLOWED_MODELS,
    BACKUP_MODELS,
    CONTEXT_TOKENS,
    ENTRIES,
    UPLOAD_LIMIT,
    Source,
    Stored,
    find_entry,
    setting_of,
)

SETTINGS = Settings(Path("/srv/cloister"))


NUMBERS = [entry for entry in ENTRIES if isinstance(entry, Entry)]
each_number = pytest.mark.parametrize("entry", NUMBERS, ids=lambda entry: entry.name)


@each_number
def test_each_entry_reads_back_what_it_writes(entry: Entry) -> None:
    assert entry.minimum <= entry.default <= entry.maximum
    for value in (entry.minimum, entry.default, entry.maximum, entry.minimum + 1):
        assert entry.parse(entry.written(value)) == value
    for value in (entry.minimum - 1, entry.maximum + 1):
        with pytest.raises(SettingInvalidError):
            entry.check(value)


@each_number
def test_the_default_of_an_entry_is_that_of_the_environment(entry: Entry) -> None:
    assert entry.default_in(from_environment({})) == entry.default
    if entry.variable is not None:
        chosen = from_environment({entry.variable: str(entry.default + 1)})
        assert entry.default_in(chosen) == entry.default + 1


@pytest.mark.parametrize(
    ("text", "value"),
    [("100 MB", 100 * MEBIBYTE), ("1gb", 1024 * MEBIBYTE), (" 2097152 ", 2 * MEBIBYTE)],
)
def test_sizes_have_units(text: str, value: int) -> None:
    assert UPLOAD_LIMIT.parse(text) == value


@pytest.mark.parametrize("text", ["", "many", "-1", "8 192", "8192 MB", "²", "9" * 30, "1.5"])
def test_what_is_no_whole_number_is_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(SettingInvalidError, match="from 2048 to 1048576 tokens"):
        CONTEXT_TOKENS.parse(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("llama3.2:3b, mistral:7b", ("llama3.2:3b", "mistral:7b")),
        ("a b,c a", ("a", "b", "c")),
        ("hf.co/some/model:Q4_K_M", ("hf.co/some/model:Q4_K_M",)),
        ("none", ()),
    ],
)
def test_names_are_read_with_what_is_between_them(text: str, names: tuple[str, ...]) -> None:
    assert ALLOWED_MODELS.parse(text) == names
    assert ALLOWED_MODELS.parse(ALLOWED_MODELS.written(names)) == names
    assert setting_of(ALLOWED_MODELS, Stored(list(names)), SETTINGS).value == names


@pytest.mark.parametrize("value", [5, [5], [""], ["a b"], ["x"] * 3 + [None], {"a": 1}])
def test_what_is_no_list_of_names_is_refused(value: object) -> None:
    with pytest.raises(SettingInvalidError, match="up to 50 names"):
        ALLOWED_MODELS.check(value)
    assert setting_of(ALLOWED_MODELS, Stored(value), SETTINGS).value == ()


def test_too_many_names_are_refused() -> None:
    names = [f"model{number}" for number in range(51)]
    assert len(ALLOWED_MODELS.check(names[1:])) == 50
    with pytest.raises(SettingInvalidError):
        ALLOWED_MODELS.check(names)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownSettingError, match="did you mean “upload_limit”"):
        find_entry("upload_limits")
    with pytest.raises(UnknownSettingError, match="named “xyzzy”\\."):
        find_entry("xyzzy")


@pytest.mark.parametrize("stored", [None, "text", 1, 10**12, True, [5000], 5000.5])
def test_a_stored_value_that_cannot_be_meant_counts_for_nothing(stored: object) -> None:
    setting = setting_of(CONTEXT_TOKENS, Stored(stored), SETTINGS)
    assert (setting.value, setting.source) == (8192, Source.DEFAULT)


def test_the_source_of_a_value_is_said() -> None:
    assert setting_of(CONTEXT_TOKENS, Stored(5000), SETTINGS).source is Source.OPERATOR
    chosen = replace(SETTINGS, context_tokens=5000)
    setting = setting_of(CONTEXT_TOKENS, None, chosen)
    assert (setting.value, setting.source) == (5000, Source.ENVIRONMENT)


@pytest.mark.parametrize("text", ["yes", " YES ", "no"])
def test_a_choice_is_read_as_it_is_written(text: str) -> None:
    value = BACKUP_MODELS.parse(text)
    assert BACKUP_MODELS.written(value) == value == text.strip().lower()
    assert setting_of(BACKUP_MODELS, Stored(value), SETTINGS).is_on is (value == "yes")


@pytest.mark.parametrize("value", ["", "maybe", True, 1, None, ["yes"]])
def test_what_is_no_choice_is_refused_and_off_is_the_default(value: object) -> None:
    with pytest.raises(SettingInvalidError, match="“yes” or “no”"):
        BACKUP_MODELS.check(value)
    assert not setting_of(BACKUP_MODELS, Stored(value), SETTINGS).is_on
