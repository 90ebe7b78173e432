"""Scripts that are written without spaces between words, at the ends of lines.

A space there would stand inside of a word. Korean is not among them: it has spaces.
"""

from __future__ import annotations

import re

# Thai, Lao, Burmese, Khmer; Chinese and Japanese with their marks and full-width forms.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3001-\u303f\u3040-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff"
)
_AT_THE_END = re.compile(f"[{_UNSPACED}]$")
_AT_THE_START = re.compile(f"[{_UNSPACED}]")
_BREAK = re.compile(rf"(?<=[{_UNSPACED}])[ \t]*\n[ \t]*(?=[{_UNSPACED}])")


def separator(before: str, after: str) -> str:
    """Return what stands between two lines when they become one: a space, or nothing."""
    return "" if _AT_THE_END.search(before) and _AT_THE_START.match(after) else " "


def without_breaks(text: str) -> str:
    """Return `text` with lines joined where no space may stand between them."""
    return _BREAK.sub("", text)
