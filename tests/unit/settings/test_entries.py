"""What a person may type, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.settings import MEBIBYTE, Settings, from_environment
from appliance.settings.errors import SettingInvalidError, UnknownSettingError
from appliance.settings.model import (
    CONTEXT_TOKENS,
    ENTRIES,
    UPLOAD_LIMIT,
    Entry,
    Source,
    find_entry,
    setting_of,
)

SETTINGS = Settings(Path("/srv/cloister"))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_each_entry_reads_back_what_it_writes(entry: Entry) -> None:
    assert entry.minimum <= entry.default <= entry.maximum
    for value in (entry.minimum, entry.default, entry.maximum, entry.minimum + 1):
        assert entry.parse(entry.written(value)) == value
    for value in (entry.minimum - 1, entry.maximum + 1):
        with pytest.raises(SettingInvalidError):
            entry.check(value)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
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


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownSettingError, match="did you mean “upload_limit”"):
        find_entry("upload_limits")
    with pytest.raises(UnknownSettingError, match="named “xyzzy”\\."):
        find_entry("xyzzy")


@pytest.mark.parametrize("stored", [None, "text", 1, 10**12, True, [5000], 5000.5])
def test_a_stored_value_that_cannot_be_meant_counts_for_nothing(stored: object) -> None:
    setting = setting_of(CONTEXT_TOKENS, stored, SETTINGS)
    assert (setting.value, setting.source) == (8192, Source.DEFAULT)


def test_the_source_of_a_value_is_said() -> None:
    assert setting_of(CONTEXT_TOKENS, 5000, SETTINGS).source is Source.OPERATOR
    chosen = replace(SETTINGS, context_tokens=5000)
    setting = setting_of(CONTEXT_TOKENS, None, chosen)
    assert (setting.value, setting.source) == (5000, Source.ENVIRONMENT)
