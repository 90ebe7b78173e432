"""File names from anywhere, made safe to keep and to show: pure."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

LONGEST = 255
_LONGEST_EXTENSION = 20
# Control and formatting characters (which can reverse the text after them), halves of
# surrogates, line separators.
_UNWANTED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(file_name: str) -> str:
    """Return the last part of a path without control characters, 255 characters at most.

    The extension survives the shortening, because it says how to read the file. A name of which
    nothing is left becomes “document”.
    """
    last = file_name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    normal = unicodedata.normalize("NFC", last)
    kept = "".join(" " if character.isspace() else character for character in normal)
    kept = "".join(
        character for character in kept if unicodedata.category(character) not in _UNWANTED
    )
    kept = " ".join(kept.split()).strip(". ") if set(kept) <= {".", " "} else " ".join(kept.split())
    return _shortened(kept) or "document"


def _shortened(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    extension = PurePosixPath(name).suffix
    if len(extension) > _LONGEST_EXTENSION:
        extension = ""
    return name[: LONGEST - len(extension) - 1].rstrip() + "…" + extension
