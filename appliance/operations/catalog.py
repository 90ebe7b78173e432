"""Every operation, with the unit that has its rights."""

from __future__ import annotations

from appliance.core import settings
from appliance.operations.model import Operation

# As many as systemd/50-cloister.rules lets the supervisor start.
MOST_TARGETS = settings.MOST_TARGETS
SET = Operation("set", "cloister-backup@set.service")
HOT = Operation("hot", "cloister-backup@hot.service")
LIST = Operation("list", "cloister-backup@list.service")
KEY = Operation("key", "cloister-backup@key.service")
DRILL = Operation("drill", "cloister-backup@drill.service")
CHECK = Operation("check", "cloister-backup@check.service")
MODELS = Operation("models", "cloister-backup@models.service")
PRUNE = Operation("prune", "cloister-prune.service")
RESTORE = Operation("restore", "cloister-restore.service")
ACME = Operation("acme", "cloister-acme.service")
TLS = Operation("tls", "cloister-tls.service")
OFFSITE = tuple(
    Operation(f"offsite-{number}", f"cloister-offsite@{number}.service")
    for number in range(1, MOST_TARGETS + 1)
)

OPERATIONS = (SET, HOT, LIST, KEY, DRILL, CHECK, MODELS, PRUNE, RESTORE, TLS, ACME, *OFFSITE)


def offsite(target: int) -> Operation:
    """Return the operation of the target with this number, counted from 1."""
    return OFFSITE[target - 1]


def find_operation(name: str) -> Operation:
    """Return an operation by its name. Raises KeyError."""
    return {operation.name: operation for operation in OPERATIONS}[name]
