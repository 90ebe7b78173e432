"""What a restore or a drill is asked for, and what it finds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from appliance.operations.model import Facts
from appliance.repository.model import Kind, Snapshot
from appliance.restore.errors import RestoreRequestError, SnapshotMissingError


class Task(StrEnum):
    """The works of the operation `restore`."""

    LIST = "list"
    PREVIEW = "preview"
    RESTORE = "restore"
    CONFIRM = "confirm"
    UNDO = "undo"
    STATUS = "status"


class What(StrEnum):
    """What is restored: all of it, a part that goes into the running database, or models.

    The files of models are in no set: MODELS are those that were saved last.
    """

    EVERYTHING = "everything"
    DOCUMENTS = "documents"
    CONFIGURATION = "configuration"
    DOCUMENT = "document"
    CONVERSATIONS = "conversations"
    MODELS = "models"


# In place of the id of a snapshot. NEWEST is the newest state: the newest hot snapshot, with what
# can be derived from the newest set.
NEWEST, NEWEST_VERIFIED = "newest", "newest-verified"
_SHORTEST_ID = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the repository is that is read, and what opens it.

    `source` is 0 for this machine's own repository, or the number of a target; `address` is one of
    restic that is used instead. `name` is what people call the place, where it is neither of them.
    `key` is a recovery key as a person typed it; None is the machine's own key. `key_file` and
    `config` are copies of these files, from the printed sheet.
    """

    source: int = 0
    address: str = ""
    name: str = ""
    key: str | None = field(default=None, repr=False)
    key_file: str = field(default="", repr=False)
    config: str = field(default="", repr=False)

    @classmethod
    def asked(cls, request: Facts) -> Place:
        """Return the place of a request. Raises RestoreRequestError."""
        key, source = request.get("key"), request.get("source") or 0
        if not isinstance(source, int) or source < 0:
            raise RestoreRequestError(reason=f"there is no target {source}")
        return cls(
            source=source,
            address=str(request.get("address") or ""),
            name=str(request.get("name") or ""),
            key=str(key) if key else None,
            key_file=str(request.get("key_file") or ""),
            config=str(request.get("config") or ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the operation `restore` is asked for. `subject` is a document or a person."""

    task: Task
    place: Place
    snapshot: str = NEWEST
    what: What = What.EVERYTHING
    subject: str = ""

    @classmethod
    def parse(cls, request: Facts) -> Request:
        """Read a request. Raises RestoreRequestError."""
        try:
            task = Task(str(request.get("work") or Task.RESTORE))
            what = What(str(request.get("what") or What.EVERYTHING))
        except ValueError as error:
            raise RestoreRequestError(reason=str(error)) from error
        subject = str(request.get("subject") or "")
        if what in {What.DOCUMENT, What.CONVERSATIONS} and not subject:
            raise RestoreRequestError(reason="it is not said which document, or whose")
        return cls(
            task=task,
            place=Place.asked(request),
            snapshot=str(request.get("snapshot") or NEWEST),
            what=what,
            subject=subject,
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """The snapshots that a restore reads: `state` for all rows, `derived` for those it lacks."""

    state: Snapshot
    derived: Snapshot | None = None


def choose(snapshots: tuple[Snapshot, ...], wanted: str) -> Chosen:
    """Return what to read of these snapshots, the newest first. Raises SnapshotMissingError."""
    sets = [one for one in snapshots if one.kind is Kind.SET]
    if wanted == NEWEST:
        found = list(snapshots)
    elif wanted == NEWEST_VERIFIED:
        found = [one for one in sets if one.is_verified]
    else:
        is_id = len(wanted) >= _SHORTEST_ID
        found = [one for one in snapshots if is_id and one.id.startswith(wanted)]
    if not found:
        raise SnapshotMissingError(snapshot=wanted)
    state = found[0]
    if state.kind is Kind.SET:
        return Chosen(state)
    # The derived rows of a set with another schema do not fit into these tables.
    fitting = (
        one
        for one in sets
        if one.content.schema == state.content.schema and one.taken_at <= state.taken_at
    )
    return Chosen(state, next(fitting, None))


def described(snapshot: Snapshot) -> Mapping[str, object]:
    """Return what a person chooses a snapshot by."""
    content = snapshot.content
    drilled = snapshot.drilled
    return {
        "id": snapshot.id,
        "kind": snapshot.kind,
        "taken_at": snapshot.taken_at.isoformat(),
        "verified": snapshot.is_verified,
        "drilled_at": drilled.at.isoformat() if drilled else None,
        "drill_seconds": drilled.seconds if drilled else None,
        "version": content.version,
        "schema": content.schema,
        "postgres": content.postgres,
        "people": content.people,
        "documents": content.documents,
        "conversations": content.conversations,
        "audit": content.audit,
        "bytes": content.bytes,
    }
