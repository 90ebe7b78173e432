"""The one table of who may do what; nothing else compares roles."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a person is to the machine."""

    OPERATOR = "operator"
    MEMBER = "member"


class Kind(StrEnum):
    """What acts on the machine without an account."""

    COMMAND_LINE = "command_line"
    RESCUE_CODE = "rescue_code"
    CLAIM_CODE = "claim_code"
    SYSTEM = "system"


class Permission(StrEnum):
    """One thing that an actor may be allowed to do."""

    USE_CHAT = "use_chat"
    USE_CONSOLE = "use_console"
    CONTROL_UNITS = "control_units"
    MANAGE_PEOPLE = "manage_people"
    MANAGE_QUEUE = "manage_queue"
    MANAGE_SHARED_DOCUMENTS = "manage_shared_documents"
    CHOOSE_MODELS = "choose_models"
    MANAGE_JOBS = "manage_jobs"
    MANAGE_BACKUPS = "manage_backups"
    RESTORE = "restore"
    CHANGE_SETTINGS = "change_settings"
    READ_AUDIT = "read_audit"
    CREATE_CLAIM_CODE = "create_claim_code"
    ACT_FOR_OTHERS = "act_for_others"


_OF_A_MEMBER = frozenset({Permission.USE_CHAT})
_OF_AN_OPERATOR = _OF_A_MEMBER | {
    Permission.USE_CONSOLE,
    Permission.CONTROL_UNITS,
    Permission.MANAGE_PEOPLE,
    Permission.MANAGE_QUEUE,
    Permission.MANAGE_SHARED_DOCUMENTS,
    Permission.CHOOSE_MODELS,
    Permission.MANAGE_JOBS,
    Permission.MANAGE_BACKUPS,
    Permission.RESTORE,
    Permission.CHANGE_SETTINGS,
    Permission.READ_AUDIT,
}

PERMISSIONS: Mapping[Role | Kind, frozenset[Permission]] = {
    Role.MEMBER: _OF_A_MEMBER,
    Role.OPERATOR: _OF_AN_OPERATOR,
    # The account that runs the appliance, and root: both can read and change all of its data.
    Kind.COMMAND_LINE: frozenset(Permission),
    # A code proves access to the machine, and names no person.
    Kind.RESCUE_CODE: frozenset({Permission.USE_CONSOLE, Permission.CONTROL_UNITS}),
    # The holder of a machine without an operator may bring everything back instead of claiming it.
    Kind.CLAIM_CODE: frozenset({Permission.RESTORE}),
    Kind.SYSTEM: frozenset({Permission.CONTROL_UNITS, Permission.CREATE_CLAIM_CODE}),
}
