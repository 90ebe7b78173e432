"""What was done, by whom, to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ObjectType(StrEnum):
    """What an action is done to."""

    API_KEY = "api_key"
    AUDIT = "audit"
    BACKUP_TARGET = "backup_target"
    CERTIFICATE = "certificate"
    CLAIM_CODE = "claim_code"
    DATABASE = "database"
    DOCUMENT = "document"
    JOB = "job"
    MODEL = "model"
    PERSON = "person"
    RECOVERY_KEY = "recovery_key"
    RESCUE_CODE = "rescue_code"
    SET = "set"
    SETTING = "setting"
    SETUP_STEP = "setup_step"
    UNIT = "unit"


class Action(StrEnum):
    """Every named operation. The values are stored: a new one may be added, none is changed."""

    MACHINE_CLAIM = "machine.claim"
    CLAIM_CODE_CREATE = "claim_code.create"
    RESCUE_CODE_CREATE = "rescue_code.create"
    RESCUE_CODE_USE = "rescue.open"
    PASSWORD_SET = "password.set"  # noqa: S105 - the name of an operation
    PASSWORD_CHANGE = "password.change"  # noqa: S105 - the name of an operation
    PERSON_ADD = "person.add"
    PERSON_INVITE = "person.invite"
    PERSON_MAKE_OPERATOR = "person.make_operator"
    PERSON_MAKE_MEMBER = "person.make_member"
    PERSON_LOCK = "person.lock"
    PERSON_UNLOCK = "person.unlock"
    PERSON_REMOVE = "person.remove"
    PERSON_SET_QUOTA = "person.set_quota"
    API_KEY_CREATE = "api_key.create"
    API_KEY_REVOKE = "api_key.revoke"
    DOCUMENT_ADD = "document.add"
    DOCUMENT_DELETE = "document.delete"
    DOCUMENT_RETRY = "document.retry"
    DOCUMENT_RETRY_FAILED = "document.retry_failed"
    JOB_START = "job.start"
    JOB_CANCEL = "job.cancel"
    MODEL_FETCH = "model.fetch"
    MODEL_USE_FOR_CHAT = "model.use_for_chat"
    MODEL_USE_FOR_SEARCH = "model.use_for_search"
    MACHINE_KEY_ADD = "machine_key.add"
    RECOVERY_KEY_MAKE = "recovery_key.make"
    RECOVERY_KEY_PROVE = "recovery_key.prove"
    RECOVERY_KEY_REPLACE = "recovery_key.replace"
    BACKUP_TARGET_ADD = "backup_target.add"
    BACKUP_TARGET_CHANGE = "backup_target.change"
    BACKUP_TARGET_REMOVE = "backup_target.remove"
    RESTORE_START = "restore.start"
    RESTORE_CONFIRM = "restore.confirm"
    RESTORE_UNDO = "restore.undo"
    ACME_USE = "acme.use"
    ACME_OFF = "acme.off"
    CERTIFICATE_REQUEST = "certificate.request"
    CERTIFICATE_ROLL_BACK = "certificate.roll_back"
    CERTIFICATE_USE = "certificate.use"
    SETTING_CHANGE = "setting.change"
    # Written by `core.prune_audit` itself.
    AUDIT_PRUNE = "audit.prune"
    AUDIT_GAP = "audit.gap"
    DATABASE_EXCHANGE = "database.exchange"
    SETUP_STEP_FINISH = "setup_step.finish"
    SETUP_STEP_SKIP = "setup_step.skip"
    UNIT_START = "unit.start"
    UNIT_STOP = "unit.stop"
    UNIT_RESTART = "unit.restart"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One operation. `name` is what people call the object now; without one, the id is shown.

    Nothing here is private to a member, such as the name of a file: operators read the audit.
    """

    action: Action
    object_type: ObjectType
    object_id: str = ""
    name: str = ""
    detail: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the audit, as text: an earlier version may have known other actions.

    `at` is when it was added; `happened_at` when it happened, if the database was down then.
    `position` and `hash` are those of its link in the chain.
    """

    id: int
    at: datetime
    actor: str
    action: str
    object_type: str
    object_id: str
    name: str
    detail: dict[str, str | int]
    happened_at: datetime | None = None
    note_id: UUID | None = None
    position: int | None = None
    hash: str | None = None

    @property
    def time(self) -> datetime:
        """When it happened."""
        return self.happened_at or self.at

    @property
    def label(self) -> str:
        """What the page calls the object.

        The names of files are private, so of a document only the id is recorded.
        """
        if self.object_type == ObjectType.DOCUMENT and self.object_id:
            return f"{self.object_type} {self.object_id[:8]}"
        return self.name

    @property
    def facts(self) -> str:
        """The detail as a line for people."""
        return ", ".join(f"{name}: {value}" for name, value in self.detail.items())


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows to read; None and the empty text select all.

    `action` may be a whole action, or the part before the dot. `until` is not included; both times
    are compared with when an entry happened. `text` is searched for in the actor, the action, the
    object and the detail.
    """

    actor: str | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
