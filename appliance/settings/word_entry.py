"""Settings that are words or texts: times, choices, a time zone, a host, a line of text. No I/O."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from typing_extensions import override

from appliance.core.settings import Settings
from appliance.core.variables import is_host, is_time_zone
from appliance.settings.entry import Entry, Group, NamesEntry, Part, Unit, Value
from appliance.settings.errors import SettingInvalidError

YES, NO = "yes", "no"
# As a clock shows it, with one digit or two for the hour.
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


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
    field: str | None = None
    variable: str | None = None
    restarts: tuple[Part, ...] = ()
    at_start: bool = False
    on_trial: bool = False
    clone_only: bool = False

    @abstractmethod
    def parse(self, text: str) -> str:
        """Read what a person typed. Raises SettingInvalidError."""

    @property
    @abstractmethod
    def bounds(self) -> str:
        """Say which values are possible."""

    def default_in(self, settings: Settings) -> str:
        """Return the value that counts while an operator has set none."""
        return self.default if self.field is None else str(getattr(settings, self.field))

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEntry(_WordEntry):
    """One setting: a line of text, at most `longest_text` letters; none by default."""

    default: str = ""
    minimum: str = ""
    maximum: str = ""
    unit: Unit = Unit.TEXT
    longest_text: int = 300

    @override
    def parse(self, text: str) -> str:
        """Read a line. Raises SettingInvalidError."""
        line = " ".join(text.split())
        if not line or len(line) > self.longest_text or not line.isprintable():
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        return line

    @property
    @override
    def bounds(self) -> str:
        return f"one line of up to {self.longest_text} letters"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry(_WordEntry):
    """One setting: the name of a machine, or its address."""

    default: str = ""
    minimum: str = ""
    maximum: str = ""
    unit: Unit = Unit.TEXT
    longest_text: int = 253

    @override
    def parse(self, text: str) -> str:
        """Read a name such as `chat.example.org`. Raises SettingInvalidError."""
        name = text.strip().lower()
        if not is_host(name):
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        return name

    @property
    @override
    def bounds(self) -> str:
        return "the name of a machine, such as “chat.example.org”, or its address"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneEntry(_WordEntry):
    """One setting: a time zone that this machine knows; its own by default, which has no name."""

    default: str = ""
    minimum: str = ""
    maximum: str = ""
    unit: Unit = Unit.TEXT
    longest_text: int = 60

    @override
    def parse(self, text: str) -> str:
        """Read a name such as `Europe/Vienna`. Raises SettingInvalidError."""
        name = text.strip()
        if not is_time_zone(name):
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        return name

    @property
    @override
    def bounds(self) -> str:
        return "a time zone, such as “Europe/Vienna” or “UTC”"


AnyEntry = Entry | NamesEntry | TimeEntry | ChoiceEntry | TextEntry | HostEntry | ZoneEntry


def as_variable(value: Value) -> str:
    """Write a value as a variable of the environment has it.

    No names are a comma alone: an empty variable leaves the decision to the environment.
    """
    return " ".join(value) or "," if isinstance(value, tuple) else str(value)
