"""The table of kinds: everything that runs at a time, or long, and which process runs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from appliance.jobs.errors import UnknownKindError


class Process(StrEnum):
    """Which process does the work of a kind."""

    SUPERVISOR = "supervisor"
    INGEST = "ingest"
    COMMAND_LINE = "command line"


class Starter(StrEnum):
    """Who may start a kind by hand."""

    OPERATOR = "operator"
    ROOT = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of work.

    - `cron` is in the machine's local time, `rhythm` says the same to people.
    - A job that runs past `deadline` is ended as failed.
    - Two jobs with the same `lock` never run at once; one for each subject has `lock_each`.
    - `needs` names units that must serve; until then the job stays queued.
    - A kind with `resumes` goes on after a restart of its process; another one is interrupted.
    - `needs_tls` kinds exist only where people connect over TLS.
    - `counts_bytes` says what `done` and `total` of its jobs count.
    """

    name: str
    title: str
    purpose: str
    process: Process
    deadline: timedelta
    starter: Starter = Starter.OPERATOR
    cron: str | None = None
    rhythm: str = ""
    lock: str = ""
    lock_each: bool = False
    needs: tuple[str, ...] = ()
    cancellable: bool = True
    resumes: bool = False
    needs_tls: bool = False
    counts_bytes: bool = False

    def lock_for(self, subject: str) -> str:
        """Return the name of the lock that a job about `subject` holds."""
        lock = self.lock or self.name
        return f"{lock}:{subject}" if self.lock_each else lock


SWEEP = Kind(
    name="sweep",
    title="Clean up",
    purpose="Removes expired sessions and codes, and old records of jobs.",
    process=Process.SUPERVISOR,
    deadline=timedelta(minutes=5),
    cron="17 * * * *",
    rhythm="every hour",
)
CERTIFICATE = Kind(
    name="certificate",
    title="Renew the certificate",
    purpose="Makes another certificate of the machine's own authority before the present one ends, "
    "or when the machine has another name or address. Open pages stay connected.",
    process=Process.SUPERVISOR,
    deadline=timedelta(minutes=5),
    cron="43 3 * * *",
    rhythm="every night",
    needs=("nginx",),
    cancellable=False,
    needs_tls=True,
)
ACME = Kind(
    name="acme",
    title="Get a certificate",
    purpose="Asks the authority that is set up for a certificate, and serves it. Open pages stay "
    "connected.",
    process=Process.SUPERVISOR,
    # Each name may take minutes, where records have to spread first.
    deadline=timedelta(hours=3),
    rhythm="when one is due",
    needs=("nginx",),
    needs_tls=True,
)
EMBED = Kind(
    name="embed",
    title="Build the search index",
    purpose="Prepares every passage for search by meaning, with the model chosen for search.",
    process=Process.INGEST,
    deadline=timedelta(days=2),
    resumes=True,
)
VECTOR_INDEX = Kind(
    name="vector_index",
    title="Index the passages",
    purpose="Makes search by meaning fast again after a restore; until then it compares each "
    "passage.",
    process=Process.SUPERVISOR,
    deadline=timedelta(days=1),
    resumes=True,
)
SCRUB = Kind(
    name="scrub",
    title="Verify what is kept",
    purpose="Compares documents with their files, pages and passages, and reads each stored file "
    "at least once in 30 days to see whether it has changed.",
    process=Process.INGEST,
    deadline=timedelta(hours=20),
    cron="7 2 * * *",
    rhythm="every night",
    resumes=True,
)
AUDIT = Kind(
    name="audit",
    title="Verify the audit",
    purpose="Looks for entries that were changed, removed or exchanged, and removes those that are "
    "older than they are to be kept.",
    process=Process.SUPERVISOR,
    deadline=timedelta(hours=2),
    cron="37 1 * * *",
    rhythm="every night",
)
MODEL_FETCH = Kind(
    name="model_fetch",
    title="Download a model",
    purpose="“cloister model fetch NAME” downloads a model from the internet.",
    process=Process.COMMAND_LINE,
    deadline=timedelta(days=7),
    starter=Starter.ROOT,
    lock_each=True,
)
SETUP_CHECK = Kind(
    name="setup_check",
    title="Check the set-up",
    purpose="Adds a test document, asks a question about it at the address that people open, and "
    "removes it.",
    process=Process.SUPERVISOR,
    deadline=timedelta(minutes=20),
    # After a crash it removes what was left behind, and begins again.
    resumes=True,
)

# At most one of both kinds saves at a time.
_SAVING = "backup"
BACKUP = Kind(
    name="backup",
    title="Back up",
    purpose="Saves everything in one encrypted set. Then a restore of it is tried, and it is "
    "copied to the targets.",
    process=Process.SUPERVISOR,
    deadline=timedelta(days=1),
    cron="0 2 * * *",
    rhythm="every night",
    lock=_SAVING,
    resumes=True,
    counts_bytes=True,
)
HOT_BACKUP = Kind(
    name="hot_backup",
    title="Back up what changed",
    purpose="Saves documents, conversations, people and settings between two sets, if they have "
    "changed.",
    process=Process.SUPERVISOR,
    deadline=timedelta(hours=6),
    rhythm="every 15 minutes",
    lock=_SAVING,
    resumes=True,
    counts_bytes=True,
)
DRILL = Kind(
    name="drill",
    title="Try a restore",
    purpose="Restores a set into a database of its own, compares each table, and throws it away.",
    process=Process.SUPERVISOR,
    deadline=timedelta(days=1),
    rhythm="after every set",
    resumes=True,
    counts_bytes=True,
)
VERIFY_BACKUPS = Kind(
    name="verify_backups",
    title="Verify the backups",
    purpose="Reads each file of the backups, and then removes what is older than it is to be kept.",
    process=Process.SUPERVISOR,
    deadline=timedelta(days=1),
    cron="0 4 * * *",
    rhythm="every night",
    counts_bytes=True,
)
OFFSITE = Kind(
    name="offsite",
    title="Copy the backups",
    purpose="Copies the encrypted backups to a target.",
    process=Process.SUPERVISOR,
    deadline=timedelta(days=7),
    rhythm="after every backup",
    lock_each=True,
    resumes=True,
    counts_bytes=True,
)

MODEL_BACKUP = Kind(
    name="model_backup",
    title="Back up the models",
    purpose="Saves the files of models, if they have changed since they were saved last.",
    process=Process.SUPERVISOR,
    deadline=timedelta(days=1),
    rhythm="after every set, if that is switched on",
    resumes=True,
    counts_bytes=True,
)

BACKUP_KINDS = (BACKUP, HOT_BACKUP, DRILL, VERIFY_BACKUPS, OFFSITE, MODEL_BACKUP)
KINDS: tuple[Kind, ...] = (
    *(SWEEP, CERTIFICATE, ACME, EMBED, VECTOR_INDEX, SCRUB, AUDIT),
    *BACKUP_KINDS,
    MODEL_FETCH,
    SETUP_CHECK,
)


def available(*, https: bool) -> tuple[Kind, ...]:
    """Return the kinds that this installation has."""
    return tuple(kind for kind in KINDS if https or not kind.needs_tls)


def find_kind(name: str) -> Kind:
    """Return a kind by its name. Raises UnknownKindError."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise UnknownKindError(kind=name)


def title_of(name: str) -> str:
    """Return what people call a kind; a record may be of a kind that no longer exists."""
    titles = {kind.name: kind.title for kind in KINDS}
    return titles.get(name, name.replace("_", " ").capitalize())
