"""The file in which the operator of an installed appliance keeps what must be known at the start.

It is judged as a whole: a file with an error is not applied. The processes then keep to the last
version that had none, so that a wrong line stops nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from appliance.core.files import keep_written
from appliance.core.variables import (
    EXPECTED_FLAG,
    FLAGS,
    HOST,
    HOST_NAMES,
    NUMBERS,
    PLAIN_PORT,
    PROXY_PROTOCOL,
    SECURE_COOKIES,
    TIME_ZONE,
    TRUSTED_PROXY,
    WITH_TLS,
    Names,
    SettingError,
)

# Nothing but our settings and the model runner's: the file must not reach how Python or a
# program finds its parts.
_LINE = re.compile(r"\s*((?:CLOISTER|OLLAMA)_[A-Z0-9_]+)\s*=\s*(.*?)\s*")
_ANY_NAME = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")
_COMMENT = re.compile(r"\s*(?:[#;].*)?")
_QUOTES = ("'", '"')
_NUMBERS = {number.name: number for number in (*NUMBERS, PLAIN_PORT)}
_FLAGS = (SECURE_COOKIES, PROXY_PROTOCOL, WITH_TLS)
_LISTS = {each.name: each for each in (TRUSTED_PROXY, HOST_NAMES)}
# The package decides these; a line in the file changes nothing.
_NO_EFFECT = (
    "CLOISTER_HOME",
    "CLOISTER_RUN",
    "CLOISTER_PACKAGED",
    "CLOISTER_PORT",
    "CLOISTER_BIND",
    "CLOISTER_ACCOUNT",
    WITH_TLS,
    PLAIN_PORT.name,
)
_WORDS = {each.name: each for each in (HOST, TIME_ZONE)}
KNOWN = (*_NUMBERS, *_FLAGS, *_LISTS, *_WORDS, "CLOISTER_NGINX", *_NO_EFFECT)
READABLE = 0o644


class Problem(StrEnum):
    """What is wrong with a line."""

    NOT_A_SETTING = "not a setting"
    FOREIGN_NAME = "foreign name"
    UNKNOWN_NAME = "unknown name"
    WRONG_VALUE = "wrong value"
    AMBIGUOUS = "ambiguous"
    UNREADABLE = "unreadable"
    GIVEN_TWICE = "given twice"
    NO_EFFECT = "no effect"

    @property
    def is_error(self) -> bool:
        """Whether the file is not applied; the others are worth a look only."""
        return self not in {Problem.GIVEN_TWICE, Problem.NO_EFFECT}


@dataclass(frozen=True, slots=True)
class EnvironmentFinding:
    """One thing that is wrong with the file; line 0 is the whole file.

    `nearest` is the known name that an unknown one is spelt most like. `expected` says what a
    value must be.
    """

    line: int
    problem: Problem
    name: str = ""
    value: str = ""
    nearest: str = ""
    expected: str = ""


def environment_findings(path: Path) -> list[EnvironmentFinding]:
    """Return everything that is wrong with a file, in the order of its lines.

    A missing file is right: every setting has a default.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError:
        return [EnvironmentFinding(0, Problem.UNREADABLE)]
    try:
        return judged_text(content.decode())
    except UnicodeDecodeError:
        return [EnvironmentFinding(0, Problem.UNREADABLE)]


def judged_text(text: str) -> list[EnvironmentFinding]:
    """Return everything that is wrong with the text of a file."""
    findings: list[EnvironmentFinding] = []
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        finding = _judged_line(number, line)
        if finding is not None:
            findings.append(finding)
        found = _LINE.fullmatch(line)
        if found is not None and found[1] in seen:
            findings.append(EnvironmentFinding(number, Problem.GIVEN_TWICE, found[1]))
        if found is not None:
            seen.add(found[1])
    return findings


def judged_variables(environment: Mapping[str, str]) -> list[EnvironmentFinding]:
    """Return what is wrong with variables of a process, as `make run` is given them."""
    ours = {name: value for name, value in environment.items() if name.startswith("CLOISTER_")}
    judged = (_judged_value(0, name, value, packaged=False) for name, value in ours.items())
    return [finding for finding in judged if finding is not None]


def usable_environment(path: Path, last_good: Path) -> dict[str, str]:
    """Return the settings to start with: those of the file, if it has no error.

    Otherwise the settings of the last version without an error; if there is none, the lines
    of the file that have no error. Never raises: a wrong line stops nothing.
    """
    text = _text(path) or ""
    wrong = {found.line for found in environment_findings(path) if found.problem.is_error}
    kept = _text(last_good) if wrong else None
    if kept is None:
        lines = enumerate(text.splitlines(), start=1)
        kept = "\n".join(line for number, line in lines if number not in wrong)
    return {name: value for name, value in _values(kept).items() if _has_effect(name)}


def keep_last_good(path: Path, last_good: Path) -> None:
    """Remember a file that has no error, for when it has one. Raises OSError."""
    keep_written(last_good, (_text(path) or "").encode(), mode=READABLE)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _values(text: str) -> dict[str, str]:
    found = filter(None, map(_LINE.fullmatch, text.splitlines()))
    return {match[1]: _unquoted(match[2]) for match in found}


def _judged_line(number: int, line: str) -> EnvironmentFinding | None:
    if _COMMENT.fullmatch(line):
        return None
    found = _LINE.fullmatch(line)
    if found is None:
        named = _ANY_NAME.match(line)
        if named is None or named[1].startswith(("CLOISTER_", "OLLAMA_")):
            return EnvironmentFinding(number, Problem.NOT_A_SETTING, value=line.strip())
        return EnvironmentFinding(number, Problem.FOREIGN_NAME, named[1])
    name, value = found[1], _unquoted(found[2])
    if _is_ambiguous(found[2]):
        return EnvironmentFinding(number, Problem.AMBIGUOUS, name, found[2])
    return _judged_value(number, name, value, packaged=True)


def _judged_value(
    number: int, name: str, value: str, *, packaged: bool
) -> EnvironmentFinding | None:
    if packaged and not _has_effect(name):
        return EnvironmentFinding(number, Problem.NO_EFFECT, name, value)
    if name not in KNOWN:
        nearest = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.8)
        return EnvironmentFinding(number, Problem.UNKNOWN_NAME, name, value, "".join(nearest))
    expected = _expected(name, value) if value else ""
    if expected:
        return EnvironmentFinding(number, Problem.WRONG_VALUE, name, value, expected=expected)
    return None


def _has_effect(name: str) -> bool:
    return name not in _NO_EFFECT and not name.startswith("OLLAMA_")


def _expected(name: str, value: str) -> str:
    """Return what a value must be, or nothing if it is right."""
    if name in _NUMBERS:
        number = _NUMBERS[name]
        return "" if number.accepts(value) else number.expected
    if name in _FLAGS:
        return "" if value in FLAGS else EXPECTED_FLAG
    if name in _LISTS:
        return _expected_list(_LISTS[name], value)
    if name in _WORDS:
        return "" if _WORDS[name].accepts(value) else _WORDS[name].expected
    if name == "CLOISTER_NGINX":
        is_path = value == "off" or value.startswith("/")
        return "" if is_path else "the path of a program, or “off”"
    return ""


def _expected_list(variable: Names, value: str) -> str:
    try:
        variable.parse(value)
    except SettingError:
        return variable.expected
    return ""


def _is_ambiguous(raw: str) -> bool:
    """Say whether systemd, or a person, would read the value differently from us.

    systemd gives a meaning to quotes inside a value and to backslashes; people, to a comment.
    """
    inner = _unquoted(raw)
    has_quotes = any(quote in inner for quote in _QUOTES)
    return has_quotes or "\\" in raw or " #" in raw or not raw.isprintable()


def _unquoted(value: str) -> str:
    """Take off one pair of quotes, as a shell or systemd would: habit puts them there."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES
    return value[1:-1] if quoted else value
