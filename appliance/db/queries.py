"""Load a feature's `queries.sql`.

The format of a file: `-- name: words_with_underscores`, then comment lines that give the purpose
of the statement, then one statement with `%(named)s` parameters. The texts are typed
`LiteralString`, so that a type checker refuses SQL that was put together from input.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import LiteralString

_NAME = re.compile(r"^-- name: (?P<name>[a-z_0-9]+)\s*$", re.MULTILINE)


class Queries:
    """The named statements of one file."""

    def __init__(self, package: str) -> None:
        """Read `queries.sql` of `package`, for example `appliance.accounts`."""
        text = resources.files(package).joinpath("queries.sql").read_text("utf-8")
        parts = _NAME.split(text)
        self._statements = {
            name: cast("LiteralString", body.strip().rstrip(";"))
            for name, body in zip(parts[1::2], parts[2::2], strict=True)
        }
        if len(self._statements) != len(parts) // 2:
            message = f"{package}: two statements have the same name"
            raise ValueError(message)

    def __getitem__(self, name: str) -> LiteralString:
        """Return one statement. Raises KeyError for an unknown name."""
        return self._statements[name]

    def names(self) -> list[str]:
        """Return all names, in the file's order."""
        return list(self._statements)
