"""Brings the database's schema up to date, before anything uses it."""

from __future__ import annotations

from appliance.core.settings import Settings
from appliance.units.model import Kind, Unit
from appliance.units.programs import Programs
from appliance.units.python import python_command, python_environment


def migrate(settings: Settings, programs: Programs) -> Unit:
    """Return the unit that runs once at each start."""
    return Unit(
        name="migrate",
        description="Brings the database up to date at each start",
        command=python_command(programs, "appliance", "migrate"),
        probe=None,
        directory=settings.home,
        environment=python_environment(settings),
        account=settings.account,
        needs=("postgres",),
        kind=Kind.ONESHOT,
        # A migration that is killed half-way is rolled back, and has to begin again.
        stop_grace=60.0,
        start_deadline=24 * 3600.0,
    )
