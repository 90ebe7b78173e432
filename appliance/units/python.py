"""How our own processes are started."""

from __future__ import annotations

from pathlib import Path

import appliance
from appliance.core.process import Command
from appliance.core.settings import Settings
from appliance.units.programs import Programs


def python_command(programs: Programs, module: str, *arguments: str) -> Command:
    """Return the command line of a module; -P keeps the working directory off the search path."""
    return (str(programs.python), "-P", "-m", module, *arguments)


def python_environment(settings: Settings) -> dict[str, str]:
    """Return what our own processes get: the settings, and where the code is."""
    return {
        **settings.as_environment(),
        "HOME": str(settings.home),
        "PYTHONPATH": str(Path(str(appliance.__file__)).parent.parent),
        # Lines appear in the log when they are written, not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
        # The memory for hashing a password goes back to the system: else glibc keeps 19 MB of it.
        "MALLOC_MMAP_THRESHOLD_": "1048576",
    }
