"""Settings that are numbers or names: what a value may be, and how people write it. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from appliance.core.settings import Settings
from appliance.core.variables import GIBIBYTE, MEBIBYTE
from appliance.settings.errors import SettingInvalidError

KIBIBYTE = 1024
TEBIBYTE = 1024 * GIBIBYTE
_FACTORS = {"": 1, "B": 1, "KB": KIBIBYTE, "MB": MEBIBYTE, "GB": GIBIBYTE, "TB": TEBIBYTE}
_SIZE = re.compile(r"([0-9]{1,15})\s*(B|KB|MB|GB|TB|)", re.IGNORECASE)
# How people write the value of an entry that sets no limit; it is stored as 0.
NO_LIMIT = "none"
_NUMBER = re.compile(r"[0-9]{1,15}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")

Value = int | str | tuple[str, ...]
"""A whole number, a word or a text, or names without a repetition."""


class Group(StrEnum):
    """Under which heading an entry is shown."""

    SITES = "sites"
    ADDRESSES = "addresses"
    DOCUMENTS = "documents"
    ANSWERS = "answers"
    BACKUPS = "backups"
    RECORDS = "records"


class Part(StrEnum):
    """What a change restarts where the package is installed; in a clone, it restarts Cloister."""

    DATABASE = "database"
    MODEL_RUNNER = "model runner"
    CHAT = "chat servers"
    WEB = "web server"


class Unit(StrEnum):
    """What a value counts."""

    BYTES = "bytes"
    TOKENS = "tokens"
    ANSWERS = "answers"
    PROCESSES = "processes"
    DAYS = "days"
    MINUTES = "minutes"
    PORT = "port"
    TIME = "time"
    NAMES = "names"
    CHOICE = "choice"
    TEXT = "text"

    @property
    def is_named(self) -> bool:
        """Whether the unit is written behind a number."""
        return self in {
            Unit.TOKENS,
            Unit.ANSWERS,
            Unit.PROCESSES,
            Unit.DAYS,
            Unit.MINUTES,
        }

    @property
    def is_number(self) -> bool:
        """Whether people type digits alone."""
        return self.is_named or self is Unit.PORT


def is_name(text: str) -> bool:
    """Say whether a text may be the name of a model."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting: a whole number between two bounds, both included.

    `field` names the attribute of `Settings` whose value, from `variable` in the environment, is
    the default where an operator has set nothing. With `at_start` the start needs the value, and it
    is in the file of the start as well; `restarts` then names what reads it there. The processes
    follow an entry without any at once. A change `on_trial` can shut the operator out. An entry
    that is `clone_only` has no meaning where the package is installed. With `may_be_unlimited` 0
    is a value as well, and means that there is no limit.
    """

    name: str
    title: str
    help: str
    group: Group
    unit: Unit
    default: int
    minimum: int
    maximum: int
    field: str | None = None
    variable: str | None = None
    restarts: tuple[Part, ...] = ()
    at_start: bool = False
    on_trial: bool = False
    clone_only: bool = False
    longest_text: int = 20
    may_be_unlimited: bool = False

    def default_in(self, settings: Settings) -> int:
        """Return the value that counts while an operator has set none."""
        return self.default if self.field is None else int(getattr(settings, self.field))

    def parse(self, text: str) -> int:
        """Read what a person typed, such as `8192` or `100 MB`. Raises SettingInvalidError."""
        if self.may_be_unlimited and text.strip().lower() == NO_LIMIT:
            return 0
        pattern = _SIZE if self.unit is Unit.BYTES else _NUMBER
        found = pattern.fullmatch(text.strip())
        if found is None:
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        factor = _FACTORS[found[2].upper()] if self.unit is Unit.BYTES else 1
        # A typed 0 is a mistake: no limit has a word of its own.
        return self._within_bounds(int(found[1] if self.unit is Unit.BYTES else found[0]) * factor)

    def check(self, value: object) -> int:
        """Return a value that is within the bounds. Raises SettingInvalidError."""
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if self.may_be_unlimited and is_number and value == 0:
            return 0
        return self._within_bounds(int(str(value)) if is_number else self.minimum - 1)

    def _within_bounds(self, value: int) -> int:
        if not self.minimum <= value <= self.maximum:
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        return value

    def written(self, value: Value) -> str:
        """Write a value as `parse` reads it."""
        if not isinstance(value, int):
            return str(value)
        if self.may_be_unlimited and value == 0:
            return NO_LIMIT
        if self.unit is not Unit.BYTES:
            return str(value)
        fitting = [unit for unit in ("TB", "GB", "MB", "KB") if value % _FACTORS[unit] == 0]
        return f"{value // _FACTORS[fitting[0]]} {fitting[0]}" if fitting else f"{value} B"

    @property
    def bounds(self) -> str:
        """Say which values are possible."""
        unit = f" {self.unit}" if self.unit.is_named else ""
        example = ", such as “100 MB”" if self.unit is Unit.BYTES else ""
        unlimited = f", or “{NO_LIMIT}”" if self.may_be_unlimited else ""
        largest = self.written(self.maximum)
        return f"from {self.written(self.minimum)} to {largest}{unit}{example}{unlimited}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesEntry:
    """One setting: a list of names, at most `maximum` of them, and none by default.

    `accepts` says what is a name. The other fields are as in `Entry`.
    """

    name: str
    title: str
    help: str
    group: Group
    maximum: int
    unit: Unit = Unit.NAMES
    default: tuple[str, ...] = ()
    minimum: int = 0
    field: str | None = None
    variable: str | None = None
    restarts: tuple[Part, ...] = ()
    at_start: bool = False
    on_trial: bool = False
    clone_only: bool = False
    longest_text: int = 2000
    accepts: Callable[[str], bool] = is_name

    def default_in(self, settings: Settings) -> tuple[str, ...]:
        """Return the value that counts while an operator has set none."""
        return self.default if self.field is None else tuple(getattr(settings, self.field))

    def parse(self, text: str) -> tuple[str, ...]:
        """Read names with commas or spaces between. Raises SettingInvalidError.

        “none” is the empty list, since an empty text resets a setting.
        """
        names = text.replace(",", " ").split()
        return self.check([] if names == [NO_LIMIT] else names)

    def check(self, value: object) -> tuple[str, ...]:
        """Return the names without repetitions. Raises SettingInvalidError."""
        names = list(value) if isinstance(value, list | tuple) else [value]
        texts = [name for name in names if isinstance(name, str) and self.accepts(name)]
        found = tuple(dict.fromkeys(texts))
        if len(texts) < len(names) or len(found) > self.maximum:
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        return found

    def written(self, value: Value) -> str:
        """Write a value as `parse` reads it."""
        names = value if isinstance(value, tuple) else ()
        return ", ".join(names) or NO_LIMIT

    @property
    def bounds(self) -> str:
        """Say which values are possible."""
        return f"up to {self.maximum} names with commas between, or “{NO_LIMIT}”"
