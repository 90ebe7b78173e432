"""What an operator may set while Cloister runs: the table of entries, and values. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from appliance.core.settings import GIBIBYTE, MEBIBYTE, Settings
from appliance.settings.entry import (
    NO,
    TEBIBYTE,
    YES,
    AnyEntry,
    ChoiceEntry,
    Entry,
    Group,
    NamesEntry,
    TimeEntry,
    Unit,
    Value,
)
from appliance.settings.errors import SettingInvalidError, UnknownSettingError


class Source(StrEnum):
    """Where the value in effect comes from."""

    OPERATOR = "operator"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


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
    UPLOAD_LIMIT,
    DOCUMENT_QUOTA,
    CONTEXT_TOKENS,
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
    def is_on(self) -> bool:
        """Whether the value of a choice is yes."""
        return self.value == YES

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
