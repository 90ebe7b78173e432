"""How systemd runs a unit of the catalogue: prepared like everywhere, then replaced by its program.

What runs is decided in this package, once for both drivers; what it may do is decided by the
unit's file, whose sandbox both the preparation and the program are in.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

from appliance.core.clock import Clock
from appliance.core.exec_program import OutputFilter, exec_program
from appliance.core.settings import Settings
from appliance.units import log_priority
from appliance.units.catalog import catalog
from appliance.units.errors import UnitUnknownError
from appliance.units.model import Unit
from appliance.units.programs import find_programs

# In the unit's own /tmp, where its ExecStopPost= waits for it.
LOG_LOCK = Path("/tmp/log.lock")  # noqa: S108


async def launch(settings: Settings, clock: Clock, name: str) -> NoReturn:
    """Prepare a unit and become its program.

    Raises UnitUnknownError, and what the unit's preparation raises.
    """
    unit = await _find(settings, clock, name)
    await unit.prepare()
    exec_program(unit.command, unit.environment, output=_log_filter(unit))


async def refresh(settings: Settings, clock: Clock, name: str) -> None:
    """Write again what a running unit reads on the signal to reload. Raises UnitUnknownError."""
    await (await _find(settings, clock, name)).refresh()


async def _find(settings: Settings, clock: Clock, name: str) -> Unit:
    units = catalog(settings, await find_programs(settings), clock).units
    unit = next((unit for unit in units if unit.name == name), None)
    if unit is None:
        raise UnitUnknownError(unit=name)
    return unit


def _log_filter(unit: Unit) -> OutputFilter | None:
    """Return what the unit's lines pass through on their way to journald."""
    if unit.log_format is None:
        return None
    # Without site packages and settings of the environment it is there at once, and small.
    argv = (sys.executable, "-I", "-S", log_priority.__file__, unit.log_format)
    return OutputFilter(argv, LOG_LOCK)
