"""How our own processes are started."""

from __future__ import annotations

from appliance.core.process import Command
from appliance.core.python import module_command, module_environment
from appliance.core.settings import Settings
from appliance.units.programs import Programs


def python_command(programs: Programs, module: str, *arguments: str) -> Command:
    """Return the command line of one of our modules."""
    return module_command(module, *arguments, python=programs.python)


def python_environment(settings: Settings) -> dict[str, str]:
    """Return what our own processes get: the settings, and where the code is."""
    return {
        **settings.as_environment(),
        "HOME": str(settings.home),
        **module_environment(),
        # Lines appear in the log when they are written, not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
        # The memory for hashing a password goes back to the system: else glibc keeps 19 MB of it.
        "MALLOC_MMAP_THRESHOLD_": "1048576",
    }
