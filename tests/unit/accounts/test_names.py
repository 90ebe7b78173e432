"""Sign-in names of any alphabet, and one spelling for each."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from appliance.accounts.errors import BadNameError
from appliance.accounts.names import checked_name, normal_name


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Olga ", "olga"),
        ("ümit", "ümit"),
        ("U\u0308MI\u0301T", "ümít"),
        ("Straße", "strasse"),
        ("ΝΊΚΟΣ", "νίκοσ"),
        ("νίκος", "νίκοσ"),
        ("Olga.Example+chat@example.org", "olga.example+chat@example.org"),
        ("王小明", "王小明"),
        ("हिन्दी", "हिन्दी"),
        ("1st", "1st"),
        ("x" * 64, "x" * 64),
    ],
)
def test_a_name_may_have_letters_of_any_alphabet(typed: str, stored: str) -> None:
    assert checked_name(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            "  ",
            "../x",
            "a b",
            "<b>",
            "x" * 65,
            "ß" * 33,
            "@olga",
            "-x",
            "\u0308x",
            "a/b",
            "a:b",
        ),
        *("a\0b", "a\u200bb", "a\ufe0fb", "a\u3164", "a\u202eb", "a\ud800", "😀", "command line"),
    ],
)
def test_it_refuses_other_and_invisible_characters(typed: str) -> None:
    with pytest.raises(BadNameError) as refused:
        checked_name(typed)
    assert "letters of any alphabet, digits and the characters . _ - @ +" in refused.value.advice


def test_the_stored_spelling_is_its_own_and_lower() -> None:
    """The table accepts `name = lower(name)`, and a name that was looked up is found again."""
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] in "LMN":
            name = normal_name(f"a{chr(code)}")
            assert name == name.lower() == normal_name(name), hex(code)
