"""The kinds of operator settings: what a value may be, and how people write it. No I/O."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import override

from appliance.core.settings import GIBIBYTE, MEBIBYTE, Settings
from appliance.settings.errors import SettingInvalidError

KIBIBYTE = 1024
TEBIBYTE = 1024 * GIBIBYTE
_FACTORS = {"": 1, "B": 1, "KB": KIBIBYTE, "MB": MEBIBYTE, "GB": GIBIBYTE, "TB": TEBIBYTE}
_SIZE = re.compile(r"([0-9]{1,15})\s*(B|KB|MB|GB|TB|)", re.IGNORECASE)
# How people write the value of an entry that sets no limit; it is stored as 0.
NO_LIMIT = "none"
YES, NO = "yes", "no"
_NUMBER = re.compile(r"[0-9]{1,15}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")

# As a clock shows it, with one digit or two for the hour.
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")

Value = int | str | tuple[str, ...]
"""A whole number, a time of day, a choice, or names without a repetition."""


class Group(StrEnum):
    """Under which heading an entry is shown."""

    DOCUMENTS = "documents"
    ANSWERS = "answers"
    BACKUPS = "backups"
    RECORDS = "records"


class Unit(StrEnum):
    """What a value counts."""

    BYTES = "bytes"
    TOKENS = "tokens"
    DAYS = "days"
    MINUTES = "minutes"
    TIME = "time"
    NAMES = "names"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting: a whole number between two bounds, both included.

    `field` names the attribute of `Settings` whose value, from `variable` in the environment, is
    the default where an operator has set nothing. `restarts` names what a change restarts; the
    processes follow an entry without any at once. With `may_be_unlimited` 0 is a value as well, and
    means that there is no limit.
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
    restarts: tuple[str, ...] = ()
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
        unit = "" if self.unit is Unit.BYTES else f" {self.unit}"
        example = ", such as “100 MB”" if self.unit is Unit.BYTES else ""
        unlimited = f", or “{NO_LIMIT}”" if self.may_be_unlimited else ""
        largest = self.written(self.maximum)
        return f"from {self.written(self.minimum)} to {largest}{unit}{example}{unlimited}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesEntry:
    """One setting: a list of names, at most `maximum` of them, and none by default."""

    name: str
    title: str
    help: str
    group: Group
    maximum: int
    unit: Unit = Unit.NAMES
    default: tuple[str, ...] = ()
    minimum: int = 0
    variable: str | None = None
    restarts: tuple[str, ...] = ()
    longest_text: int = 2000

    def default_in(self, _: Settings) -> tuple[str, ...]:
        """Return the value that counts while an operator has set none."""
        return self.default

    def parse(self, text: str) -> tuple[str, ...]:
        """Read names with commas or spaces between. Raises SettingInvalidError.

        “none” is the empty list, since an empty text resets a setting.
        """
        names = text.replace(",", " ").split()
        return self.check([] if names == [NO_LIMIT] else names)

    def check(self, value: object) -> tuple[str, ...]:
        """Return the names without repetitions. Raises SettingInvalidError."""
        names = list(value) if isinstance(value, list | tuple) else [value]
        found = tuple(dict.fromkeys(names)) if all(map(_is_name, names)) else (None,)
        if len(found) > self.maximum or not all(found):
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        return tuple(map(str, found))

    def written(self, value: Value) -> str:
        """Write a value as `parse` reads it."""
        names = value if isinstance(value, tuple) else ()
        return ", ".join(names) or NO_LIMIT

    @property
    def bounds(self) -> str:
        """Say which values are possible."""
        return f"up to {self.maximum} names with commas between, or “{NO_LIMIT}”"


@dataclass(frozen=True, slots=True, kw_only=True)
class _WordEntry(ABC):
    """One setting whose value is a word, kept as it is written."""

    name: str
    title: str
    help: str
    group: Group
    default: str
    minimum: str
    maximum: str
    unit: Unit
    longest_text: int
    variable: str | None = None
    restarts: tuple[str, ...] = ()

    @abstractmethod
    def parse(self, text: str) -> str:
        """Read what a person typed. Raises SettingInvalidError."""

    @property
    @abstractmethod
    def bounds(self) -> str:
        """Say which values are possible."""

    def default_in(self, _: Settings) -> str:
        """Return the value that counts while an operator has set none."""
        return self.default

    def check(self, value: object) -> str:
        """Return a word that is possible. Raises SettingInvalidError."""
        return self.parse(value if isinstance(value, str) else "")

    def written(self, value: Value) -> str:
        """Write a value as `parse` reads it."""
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEntry(_WordEntry):
    """One setting: a time of day in the machine's local time, written `02:00`."""

    minimum: str = "00:00"
    maximum: str = "23:59"
    unit: Unit = Unit.TIME
    longest_text: int = 5

    @override
    def parse(self, text: str) -> str:
        """Read a time such as `2:00` or `14:30`. Raises SettingInvalidError."""
        found = _TIME.fullmatch(text.strip())
        if found is None:
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        return f"{int(found[1]):02}:{found[2]}"

    @property
    @override
    def bounds(self) -> str:
        return f"from {self.minimum} to {self.maximum}, such as “14:30”"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceEntry(_WordEntry):
    """One setting: yes or no."""

    minimum: str = NO
    maximum: str = YES
    unit: Unit = Unit.CHOICE
    longest_text: int = 3

    @property
    def choices(self) -> tuple[str, ...]:
        """Every value that there is."""
        return (self.minimum, self.maximum)

    @override
    def parse(self, text: str) -> str:
        """Read a word. Raises SettingInvalidError."""
        word = text.strip().lower()
        if word not in self.choices:
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        return word

    @property
    @override
    def bounds(self) -> str:
        return " or ".join(f"“{choice}”" for choice in reversed(self.choices))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


AnyEntry = Entry | TimeEntry | NamesEntry | ChoiceEntry
