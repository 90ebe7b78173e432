"""How systemd runs a unit of the catalogue: prepared like everywhere, then replaced by its program.

What runs is decided in this package, once for both drivers; what it may do is decided by the
unit's file, whose sandbox both the preparation and the program are in.
"""

from __future__ import annotations

from typing import NoReturn

from appliance.core.clock import Clock
from appliance.core.process import exec_program
from appliance.core.settings import Settings
from appliance.units.catalog import catalog
from appliance.units.errors import UnitUnknownError
from appliance.units.programs import find_programs


async def launch(settings: Settings, clock: Clock, name: str) -> NoReturn:
    """Prepare a unit and become its program.

    Raises UnitUnknownError, and what the unit's preparation raises.
    """
    units = catalog(settings, await find_programs(settings), clock).units
    unit = next((unit for unit in units if unit.name == name), None)
    if unit is None:
        raise UnitUnknownError(unit=name, what="unit")
    await unit.prepare()
    exec_program(unit.command, unit.environment)
