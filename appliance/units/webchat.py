"""The chat servers: one process a core, each on a socket of its own."""

from __future__ import annotations

from functools import partial

from appliance.core.python import OWN_CODE
from appliance.core.settings import Settings
from appliance.core.variables import CHAT_PROCESSES, GENERATION_SLOTS
from appliance.probes.heartbeat import HeartbeatProbe
from appliance.probes.http import HttpProbe
from appliance.units.directories import prepare_directories
from appliance.units.model import Unit
from appliance.units.programs import Programs
from appliance.units.python import python_command, python_environment


def webchat(settings: Settings, programs: Programs, worker: int) -> Unit:
    """Return the unit of chat server number `worker`, counted from 1."""
    return Unit(
        name=webchat_name(worker),
        description="Serves the chat, the library and the API",
        command=python_command(programs, "webchat", str(worker)),
        probe=HeartbeatProbe(
            HttpProbe("http://localhost/health", socket=settings.chat_socket(worker)),
            settings.chat_heartbeat(worker),
        ),
        directory=settings.home,
        environment=python_environment(settings),
        account=settings.account,
        needs=("migrate",),
        prepare=partial(
            prepare_directories,
            settings,
            settings.documents,
            settings.chat_socket(worker).parent,
            settings.command_socket(worker).parent,
        ),
        stop_grace=10.0,
        program_files=(OWN_CODE,),
        variables=(CHAT_PROCESSES.name, GENERATION_SLOTS.name),
    )


def webchat_name(worker: int) -> str:
    """Return the name of the unit, as systemd writes instances."""
    return f"webchat@{worker}"
