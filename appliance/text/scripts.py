"""Join lines of scripts that are written without spaces between words.

A space between two lines would split a word there. Korean is not such a script: it uses spaces.
"""

from __future__ import annotations

import re
from functools import cache

# Thai, Lao, Burmese, Khmer, kana and Han, as the content of a character class.
LETTERS = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# With the marks and full-width forms of Chinese and Japanese.
_UNSPACED = LETTERS + r"\u3001-\u303f\uff01-\uff9f"


def separator(before: str, after: str) -> str:
    """Return the separator of two lines that are joined: a space, or nothing."""
    return "" if _is_unspaced(before[-1:]) and _is_unspaced(after[:1]) else " "


def without_breaks(text: str) -> str:
    """Return `text` with lines joined where a space would split a word."""
    return text if text.isascii() else _break().sub("", text)


def _is_unspaced(sign: str) -> bool:
    return not sign.isascii() and _one().match(sign) is not None


# Compiled when a text needs them: that takes longer than reading a page.
@cache
def _one() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]")


@cache
def _break() -> re.Pattern[str]:
    return re.compile(rf"(?<=[{_UNSPACED}])[ \t]*\n[ \t]*(?=[{_UNSPACED}])")
