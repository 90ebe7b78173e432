"""The verb that carries out an operation, in a process of its own; systemd or the supervisor calls.

Each operation loads only what it needs.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_verb
from appliance.core.log import set_up
from appliance.operations.catalog import OFFSITE, OPERATIONS, find_operation
from appliance.operations.folder import OperationFolder
from appliance.operations.work import Work, carry_out

# The module that does the work of an operation has a function `work_of(settings, clock)`.
_MODULES: dict[str, str] = {
    "set": "appliance.backup.set",
    "hot": "appliance.backup.hot",
    "list": "appliance.backup.list",
    "key": "appliance.backup.key",
    "check": "appliance.backup.check",
    "models": "appliance.backup.models",
    "prune": "appliance.backup.prune",
    "drill": "appliance.restore.drill",
    "restore": "appliance.restore.restore",
    "acme": "appliance.acme.operation",
    "tls": "appliance.tls.operation",
}


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add operation."""
    purpose = "carry out work that has rights of its own; systemd calls it"
    parser = add_verb(verbs, shared, "operation", carry_out_operation, purpose)
    names = [operation.name for operation in OPERATIONS]
    parser.add_argument("name", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")


async def carry_out_operation(context: Context, options: argparse.Namespace) -> ExitCode:
    """Carry out the request in the operation's folder."""
    set_up()
    work = _work_of(options.name, context)
    folder = OperationFolder(context.settings.operations / options.name)
    return ExitCode.DONE if await carry_out(folder, work, context.clock) else ExitCode.FAILED


def _work_of(name: str, context: Context) -> Work:
    """Return the work of an operation, which loads its module; all targets have the same one."""
    if (operation := find_operation(name)) in OFFSITE:
        from appliance.offsite.operation import work_of

        return work_of(context.settings, context.clock, OFFSITE.index(operation) + 1)
    work: Work = import_module(_MODULES[name]).work_of(context.settings, context.clock)
    return work
