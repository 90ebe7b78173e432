"""What an operator may set while Cloister runs: the table of entries, and values. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from appliance.core.settings import GIBIBYTE, MEBIBYTE, Settings
from appliance.settings.errors import SettingInvalidError, UnknownSettingError

KIBIBYTE = 1024
TEBIBYTE = 1024 * GIBIBYTE
_FACTORS = {"": 1, "B": 1, "KB": KIBIBYTE, "MB": MEBIBYTE, "GB": GIBIBYTE, "TB": TEBIBYTE}
_SIZE = re.compile(r"([0-9]{1,15})\s*(B|KB|MB|GB|TB|)", re.IGNORECASE)
# How people write the value of an entry that sets no limit; it is stored as 0.
NO_LIMIT = "none"
_NUMBER = re.compile(r"[0-9]{1,15}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")

# As a clock shows it, with one digit or two for the hour.
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")

Value = int | str | tuple[str, ...]
"""A whole number, a time of day, or names without a repetition."""


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


class Source(StrEnum):
    """Where the value in effect comes from."""

    OPERATOR = "operator"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


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
class TimeEntry:
    """One setting: a time of day in the machine's local time, written `02:00`."""

    name: str
    title: str
    help: str
    group: Group
    default: str
    minimum: str = "00:00"
    maximum: str = "23:59"
    unit: Unit = Unit.TIME
    variable: str | None = None
    restarts: tuple[str, ...] = ()
    longest_text: int = 5

    def default_in(self, _: Settings) -> str:
        """Return the value that counts while an operator has set none."""
        return self.default

    def parse(self, text: str) -> str:
        """Read a time such as `2:00` or `14:30`. Raises SettingInvalidError."""
        found = _TIME.fullmatch(text.strip())
        if found is None:
            raise SettingInvalidError(title=self.title, bounds=self.bounds)
        return f"{int(found[1]):02}:{found[2]}"

    def check(self, value: object) -> str:
        """Return a time of day. Raises SettingInvalidError."""
        return self.parse(value if isinstance(value, str) else "")

    def written(self, value: Value) -> str:
        """Write a value as `parse` reads it."""
        return str(value)

    @property
    def bounds(self) -> str:
        """Say which values are possible."""
        return f"from {self.minimum} to {self.maximum}, such as “14:30”"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


AnyEntry = Entry | TimeEntry | NamesEntry

UPLOAD_LIMIT = Entry(
    name="upload_limit",
    title="Largest upload",
    help="The largest file that can be added to the library. Documents that are there stay.",
    group=Group.DOCUMENTS,
    unit=Unit.BYTES,
    default=100 * MEBIBYTE,
    minimum=MEBIBYTE,
    maximum=10 * GIBIBYTE,
    field="upload_limit",
    variable="CLOISTER_UPLOAD_LIMIT",
)
DOCUMENT_QUOTA = Entry(
    name="document_quota",
    title="Room for each person",
    help="How much the files that one person adds may take together. The page People sets another "
    "size for single persons. Documents that are there stay.",
    group=Group.DOCUMENTS,
    unit=Unit.BYTES,
    default=10 * GIBIBYTE,
    minimum=MEBIBYTE,
    maximum=64 * TEBIBYTE,
    may_be_unlimited=True,
)
CONTEXT_TOKENS = Entry(
    name="context_tokens",
    title="Text for the model",
    help="How many tokens of passages and conversation a model is given to read. More needs more "
    "memory; the model is loaded again at the next question.",
    group=Group.ANSWERS,
    unit=Unit.TOKENS,
    default=8192,
    minimum=2048,
    maximum=1024 * 1024,
    field="context_tokens",
    variable="CLOISTER_CONTEXT_TOKENS",
)
BACKUP_TIME = TimeEntry(
    name="backup_time",
    title="Nightly backup",
    help="When a set with everything is made each day, in local time. A restore of it "
    "is tried right afterwards, and two hours later each file of the backups is read.",
    group=Group.BACKUPS,
    default="02:00",
)
HOT_MINUTES = Entry(
    name="hot_minutes",
    title="Backups in between",
    help="How often documents, conversations, people and settings are saved if they have changed.",
    group=Group.BACKUPS,
    unit=Unit.MINUTES,
    default=15,
    minimum=5,
    maximum=1440,
)
BACKUP_DAYS = Entry(
    name="backup_days",
    title="Sets on this machine",
    help="How long nightly sets are kept. What people delete lives on in backups for this long.",
    group=Group.BACKUPS,
    unit=Unit.DAYS,
    default=7,
    minimum=2,
    maximum=3650,
)
HOT_DAYS = Entry(
    name="hot_days",
    title="Backups in between on this machine",
    help="How long the backups between two sets are kept.",
    group=Group.BACKUPS,
    unit=Unit.DAYS,
    default=2,
    minimum=1,
    maximum=3650,
)
OFFSITE_DAYS = Entry(
    name="offsite_days",
    title="Sets in folders elsewhere",
    help="How long sets are kept in a folder or on a disk that they are copied to. The owner of "
    "another kind of target decides that there.",
    group=Group.BACKUPS,
    unit=Unit.DAYS,
    default=30,
    minimum=2,
    maximum=3650,
)
JOB_DAYS = Entry(
    name="job_days",
    title="Records of jobs",
    help="How long the log and the result of a job are kept after its end.",
    group=Group.RECORDS,
    unit=Unit.DAYS,
    default=60,
    minimum=1,
    maximum=3650,
)
ALLOWED_MODELS = NamesEntry(
    name="allowed_models",
    title="Models for programs",
    help="Which installed models a program may name in a request, beside the ones in use. Each "
    "model that is loaded takes memory, and a small machine then loads the others again and again.",
    group=Group.ANSWERS,
    maximum=50,
)
ENTRIES: tuple[AnyEntry, ...] = (
    UPLOAD_LIMIT,
    DOCUMENT_QUOTA,
    CONTEXT_TOKENS,
    ALLOWED_MODELS,
    BACKUP_TIME,
    HOT_MINUTES,
    BACKUP_DAYS,
    HOT_DAYS,
    OFFSITE_DAYS,
    JOB_DAYS,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """An entry with the value in effect, and what counts when an operator resets it."""

    entry: AnyEntry
    value: Value
    source: Source
    fallback: Value

    @property
    def number(self) -> int:
        """The value of an entry that is a number."""
        if not isinstance(self.value, int):
            raise TypeError(self.entry.name)
        return self.value

    @property
    def text(self) -> str:
        """The value as a person would type it."""
        return self.entry.written(self.value)

    def as_json(self) -> dict[str, object]:
        """Return the shape that the command line prints."""
        return {
            "name": self.entry.name,
            "value": self.value,
            "source": self.source,
            "default": self.fallback,
            "minimum": self.entry.minimum,
            "maximum": self.entry.maximum,
            "unit": self.entry.unit,
            "restarts": list(self.entry.restarts),
        }


def find_entry(name: str) -> AnyEntry:
    """Return an entry by its name. Raises UnknownSettingError, which names the nearest one."""
    for entry in ENTRIES:
        if entry.name == name:
            return entry
    raise UnknownSettingError.named(name, [entry.name for entry in ENTRIES])


def setting_of(entry: AnyEntry, stored: object, settings: Settings) -> Setting:
    """Return an entry with its value; a stored value that is out of bounds counts for nothing."""
    fallback = entry.default_in(settings)
    try:
        return Setting(entry, entry.check(stored), Source.OPERATOR, fallback)
    except SettingInvalidError:
        source = Source.DEFAULT if fallback == entry.default else Source.ENVIRONMENT
        return Setting(entry, fallback, source, fallback)
