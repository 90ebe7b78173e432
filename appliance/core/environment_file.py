"""The file in which the operator of an installed appliance keeps its settings."""

from __future__ import annotations

import re
from pathlib import Path

# Nothing but our settings and the model runner's: the file must not reach how Python or a
# program finds its parts.
_LINE = re.compile(r"\s*((?:CLOISTER|OLLAMA)_[A-Z0-9_]+)\s*=\s*(.*?)\s*")
_QUOTES = ("'", '"')


def read_environment_file(path: Path) -> dict[str, str]:
    """Return the settings of `path`, one `NAME=value` a line; a later line wins.

    Comments, empty lines and names that are not ours count for nothing. A file that is missing
    or may not be read has no settings: every setting has a default, and Cloister starts.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = filter(None, map(_LINE.fullmatch, text.splitlines()))
    return {match[1]: _unquoted(match[2]) for match in found}


def _unquoted(value: str) -> str:
    """Take off one pair of quotes, as a shell or systemd would: habit puts them there."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES
    return value[1:-1] if quoted else value
