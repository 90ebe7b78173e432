"""Ingest: reads documents, and runs the parsers as its children."""

from __future__ import annotations

from functools import partial

from appliance.core.python import OWN_CODE
from appliance.core.settings import Settings
from appliance.probes.heartbeat import HeartbeatProbe
from appliance.probes.http import HttpProbe
from appliance.units.directories import prepare_directories
from appliance.units.model import Unit
from appliance.units.programs import Programs
from appliance.units.python import python_command, python_environment


def ingest(settings: Settings, programs: Programs) -> Unit:
    """Return the unit of the ingest process."""
    return Unit(
        name="ingest",
        description="Reads documents, so that they can be asked about",
        command=python_command(programs, "appliance.ingest"),
        probe=HeartbeatProbe(
            HttpProbe("http://localhost/health", socket=settings.ingest_socket),
            settings.ingest_heartbeat,
        ),
        directory=settings.home,
        environment=python_environment(settings),
        account=settings.account,
        needs=("migrate",),
        prepare=partial(
            prepare_directories, settings, settings.documents, settings.ingest_socket.parent
        ),
        stop_grace=10.0,
        program_files=(OWN_CODE,),
    )
