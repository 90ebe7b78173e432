"""Run modules of Cloister as programs, with the Python that runs this process."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import appliance

if TYPE_CHECKING:
    from appliance.core.process import Command

# Any file of the code will do: a package replaces all of them together.
OWN_CODE = Path(str(appliance.__file__))


def written() -> datetime:
    """Return the time of the installed code, in UTC: a clock that is before it is wrong."""
    return datetime.fromtimestamp(OWN_CODE.stat().st_mtime, UTC)


def module_command(module: str, *arguments: str, python: Path | None = None) -> Command:
    """Return the command line of a module; -P keeps the working directory off the search path."""
    return (str(python or sys.executable), "-P", "-m", module, *arguments)


def module_environment() -> dict[str, str]:
    """Return the environment in which Python finds the code, also outside of its own folders."""
    return {"PYTHONPATH": str(OWN_CODE.parent.parent)}
