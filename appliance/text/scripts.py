"""Join lines of scripts that are written without spaces between words.

A space between two lines would split a word there. Korean is not such a script: it uses spaces.
"""

from __future__ import annotations

import re

# Thai, Lao, Burmese, Khmer, kana and Han, as the content of a character class.
LETTERS = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# With the marks and full-width forms of Chinese and Japanese.
_UNSPACED = LETTERS + r"\u3001-\u303f\uff01-\uff9f"
_AT_THE_END = re.compile(f"[{_UNSPACED}]$")
_AT_THE_START = re.compile(f"[{_UNSPACED}]")
_BREAK = re.compile(rf"(?<=[{_UNSPACED}])[ \t]*\n[ \t]*(?=[{_UNSPACED}])")


def separator(before: str, after: str) -> str:
    """Return the separator of two lines that are joined: a space, or nothing."""
    return "" if _AT_THE_END.search(before) and _AT_THE_START.match(after) else " "


def without_breaks(text: str) -> str:
    """Return `text` with lines joined where a space would split a word."""
    return _BREAK.sub("", text)
