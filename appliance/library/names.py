"""Make file names from any system safe to store and to show. Pure."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

from appliance.core.text import normalized

LONGEST = 255
# Of a longer name the end is read, which says what kind of file it is.
_LONGEST_READ = 4 * LONGEST
_LONGEST_EXTENSION = 20
_NAMELESS = "document"
# Control and formatting characters (some reverse the text after them), surrogates, private and
# unassigned characters. White space is replaced by spaces before.
_UNWANTED = {"Cc", "Cf", "Cs", "Co", "Cn"}


def clean(file_name: str) -> str:
    """Return the last part of a path without control characters, 255 characters at most.

    Shortening keeps the extension, because it decides how the file is read. A name without any
    other character becomes “document”.
    """
    last = file_name.replace("\\", "/").rstrip("/").rpartition("/")[2][-_LONGEST_READ:]
    visible = "".join(
        character
        for character in normalized(" ".join(last.split()), "NFC", _LONGEST_READ)
        if unicodedata.category(character) not in _UNWANTED
    )
    return _shortened(visible) if visible.strip(". ") else _NAMELESS


def _shortened(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    extension = PurePosixPath(name).suffix
    if len(extension) > _LONGEST_EXTENSION:
        extension = ""
    return name[: LONGEST - len(extension) - 1].rstrip() + "…" + extension
