"""Our own code as programs: modules that are run by the Python that runs us."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import appliance
from appliance.core.process import Command

# Any of our files: a package replaces all of them together.
OWN_CODE = Path(str(appliance.__file__))


def written() -> datetime:
    """Return when this code was written, in UTC: a clock that says less is wrong."""
    return datetime.fromtimestamp(OWN_CODE.stat().st_mtime, UTC)


def module_command(module: str, *arguments: str, python: Path | None = None) -> Command:
    """Return the command line of a module; -P keeps the working directory off the search path."""
    return (str(python or sys.executable), "-P", "-m", module, *arguments)


def module_environment() -> dict[str, str]:
    """Return where the code is: the package keeps it away from Python's own folders."""
    return {"PYTHONPATH": str(OWN_CODE.parent.parent)}
