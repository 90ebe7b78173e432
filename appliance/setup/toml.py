"""Write a set-up file as TOML. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from appliance.setup.file import MODELS, OPERATORS, SETTINGS, SKIP, TARGETS

_HEAD = (
    "# Recreates the settings of this machine: cloister setup --from FILE",
    "# Secrets are not in here: name the files that hold them.",
)
_OF_OPERATOR = '# password_file = "FILE"   # without it, a link is printed'
_OF_TARGET = 'secret_file = "FILE"   # with its password or key'


def written(found: Mapping[str, Any]) -> str:
    """Return the text of the file. What is not set is not in it."""
    lines = [*_HEAD, ""]
    if found[SKIP]:
        lines += [f"{SKIP} = {_value(found[SKIP])}", ""]
    for name in (MODELS, SETTINGS):
        if found[name]:
            lines += [f"[{name}]", *_pairs(found[name]), ""]
    for operator in found[OPERATORS]:
        lines += [f"[[{OPERATORS}]]", *_pairs(operator), _OF_OPERATOR, ""]
    for target in found[TARGETS]:
        fields = {name: value for name, value in target.items() if name != "has_secret"}
        # A comment: the target of this machine keeps its secret.
        secret = [f"# {_OF_TARGET}"] if target["has_secret"] else []
        lines += [f"[[{TARGETS}]]", *_pairs(fields), *secret, ""]
    return "\n".join(lines)


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in table.items()]


def _value(value: object) -> str:
    # The strings, numbers and lists of JSON are those of TOML, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
