"""What an operator may set while Cloister runs: the table of entries, and values. No I/O."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from appliance.actors.model import CommandLine
from appliance.core.settings import Settings
from appliance.core.variables import GIBIBYTE, MEBIBYTE
from appliance.settings.entry import TEBIBYTE, Entry, Group, NamesEntry, Unit, Value
from appliance.settings.errors import SettingInvalidError, UnknownSettingError
from appliance.settings.start_table import (
    CHAT_PROCESSES,
    GENERATION_SLOTS,
    HOST,
    HOST_NAMES,
    HSTS_DAYS,
    TIME_ZONE,
    WEB_PORT,
)
from appliance.settings.word_entry import (
    NO,
    YES,
    AnyEntry,
    ChoiceEntry,
    HostEntry,
    TextEntry,
    TimeEntry,
)


class Source(StrEnum):
    """Where the value in effect comes from."""

    OPERATOR = "operator"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


BANNER_TEXT = TextEntry(
    name="banner_text",
    title="Banner",
    help="A line at the top of every page of both sites, for a notice such as maintenance tonight.",
    group=Group.SITES,
)
SESSION_DAYS = Entry(
    name="session_days",
    title="Stay signed in",
    help="How long a browser stays signed in that does not come back. Each visit begins this time "
    "again.",
    group=Group.SITES,
    unit=Unit.DAYS,
    default=14,
    minimum=1,
    maximum=365,
)
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
BACKUP_MODELS = ChoiceEntry(
    name="backup_models",
    title="Save the files of models",
    help="After a nightly set, if models have changed. It takes as much room again as the models, "
    "here and in each copy elsewhere. That is of use with a copy elsewhere, on a machine without "
    "the internet: on this disk alone it protects from nothing.",
    group=Group.BACKUPS,
    default=NO,
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
AUDIT_DAYS = Entry(
    name="audit_days",
    title="Entries of the audit",
    help="How long entries are kept. A removal is an entry of its own; the rest is verified as "
    "before.",
    group=Group.RECORDS,
    unit=Unit.DAYS,
    default=3650,
    minimum=30,
    maximum=36500,
    may_be_unlimited=True,
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
    BANNER_TEXT,
    SESSION_DAYS,
    TIME_ZONE,
    HOST,
    HOST_NAMES,
    HSTS_DAYS,
    WEB_PORT,
    UPLOAD_LIMIT,
    DOCUMENT_QUOTA,
    CONTEXT_TOKENS,
    GENERATION_SLOTS,
    CHAT_PROCESSES,
    ALLOWED_MODELS,
    BACKUP_TIME,
    HOT_MINUTES,
    BACKUP_DAYS,
    HOT_DAYS,
    OFFSITE_DAYS,
    BACKUP_MODELS,
    JOB_DAYS,
    AUDIT_DAYS,
)


START_ENTRIES = tuple(entry for entry in ENTRIES if entry.at_start)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database has of an entry. `value` is None after a reset."""

    value: object = None
    changed_by: str | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """An entry with the value in effect, and what counts when an operator resets it.

    `fallback_from` says where that comes from. `changed_by` and `changed_at` say who changed it
    last; both are None where no operator has.
    """

    entry: AnyEntry
    value: Value
    source: Source
    fallback: Value
    fallback_from: Source
    changed_by: str | None = None
    changed_at: datetime | None = None

    @property
    def number(self) -> int:
        """The value of an entry that is a number."""
        if not isinstance(self.value, int):
            raise TypeError(self.entry.name)
        return self.value

    @property
    def is_on(self) -> bool:
        """Whether the value of a choice is yes."""
        return self.value == YES

    @property
    def fallback_text(self) -> str:
        """What counts after a reset, as a person reads it."""
        return shown(self.entry, self.fallback)

    @property
    def changer(self) -> str:
        """Who changed it last, as a sentence names them."""
        is_command_line = self.changed_by == CommandLine.name
        return CommandLine.phrase if is_command_line else self.changed_by or ""

    @property
    def text(self) -> str:
        """The value as a person would type it."""
        return self.entry.written(self.value)

    def is_like(self, other: Setting) -> bool:
        """Say whether both have the same value from the same source."""
        return (self.value, self.source) == (other.value, other.source)

    def as_json(self) -> dict[str, object]:
        """Return the shape that the command line prints."""
        entry = self.entry
        return {
            "name": entry.name,
            "title": entry.title,
            "help": entry.help,
            "value": self.value,
            "source": self.source,
            "default": self.fallback,
            "minimum": entry.minimum,
            "maximum": entry.maximum,
            "unit": entry.unit,
            "restarts": list(entry.restarts),
            "on_trial": entry.on_trial,
            "changed_by": self.changed_by,
            "changed_at": self.changed_at and self.changed_at.isoformat(),
        }


def shown(entry: AnyEntry, value: Value) -> str:
    """Write a value for people who read it; what is empty has words."""
    if value != "":
        return entry.written(value)
    return "none" if isinstance(entry, TextEntry) else "that of this machine"


def entries_of(settings: Settings) -> tuple[AnyEntry, ...]:
    """Return the entries that this installation has."""
    return tuple(entry for entry in ENTRIES if not (entry.clone_only and settings.packaged))


def find_entry(name: str, entries: Sequence[AnyEntry] = ENTRIES) -> AnyEntry:
    """Return an entry by its name. Raises UnknownSettingError, which names the nearest one."""
    for entry in entries:
        if entry.name == name:
            return entry
    raise UnknownSettingError.named(name, [entry.name for entry in entries])


def setting_of(entry: AnyEntry, stored: Stored | None, settings: Settings) -> Setting:
    """Return an entry with its value; a stored value that is out of bounds counts for nothing.

    `settings` are those of the environment.
    """
    known = stored or Stored()
    fallback = entry.default_in(settings)
    origin = Source.DEFAULT if fallback == _usual(entry) else Source.ENVIRONMENT
    try:
        value, source = entry.check(known.value), Source.OPERATOR
    except SettingInvalidError:
        value, source = fallback, origin
    changed = (known.changed_by, known.changed_at)
    return Setting(entry, value, source, fallback, origin, *changed)


def _usual(entry: AnyEntry) -> Value:
    """Return the default of an entry where the environment says nothing."""
    return socket.gethostname() if isinstance(entry, HostEntry) else entry.default
