"""File names from anywhere become safe to keep and to show."""

from __future__ import annotations

import pytest

from appliance.library.names import clean


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Alice\\report.pdf", "report.pdf"),
        ("folder/", "folder"),
        ("..", "document"),
        ("", "document"),
        ("\x00\x07", "document"),
        ("a\x00b\r\nc.txt", "ab c.txt"),
        ("  spaces \t here .txt ", "spaces here .txt"),
        ('say "hi" <b>.html', 'say "hi" <b>.html'),
        ("cafe\u0301.txt", "café.txt"),
        ("evil\u202efdp.exe", "evilfdp.exe"),
        ("half\ud800.txt", "half.txt"),
        (".hidden", ".hidden"),
        ("報告書.pdf", "報告書.pdf"),
    ],
)
def test_a_name_is_cleaned(given: str, kept: str) -> None:
    assert clean(given) == kept


def test_a_long_name_keeps_its_extension() -> None:
    name = clean("x" * 300 + ".pdf")
    assert len(name) == 255
    assert name.endswith("….pdf")


def test_what_only_looks_like_an_extension_is_cut() -> None:
    assert len(clean("x." + "y" * 300)) == 255
