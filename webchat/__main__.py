"""Run one chat server: `python -m webchat NUMBER`."""

from __future__ import annotations

import asyncio
import sys

from appliance.accounts.secrets import Passwords
from appliance.core import slow_callbacks
from appliance.core.clock import SystemClock
from appliance.core.heartbeat import heartbeat
from appliance.core.log import set_up
from appliance.core.memory import giving_memory_back
from appliance.core.settings import Settings
from appliance.core.start_settings import read_settings, use_time_zone
from appliance.core.version import read_version
from appliance.db.pool import CHAT_CONNECTIONS, Database, conninfo
from appliance.web.server import serve
from webchat.app import build


def main() -> None:
    """Serve until SIGTERM, on the worker's socket, and on TCP when there is no Nginx."""
    worker = int(sys.argv[1])
    set_up()
    slow_callbacks.watch()
    settings = read_settings()
    use_time_zone(settings.time_zone)
    port = None if settings.nginx or worker != 1 else (settings.bind, settings.port)
    asyncio.run(_serve(settings, worker, port))


async def _serve(settings: Settings, worker: int, port: tuple[str, int] | None) -> None:
    # A pool belongs to the loop in which it is made.
    address = conninfo(settings.database_socket, "cloister_chat")
    database = Database(address, size=CHAT_CONNECTIONS)
    app = build(settings, SystemClock(), worker, database, Passwords(), await read_version())
    sockets = [settings.chat_socket(worker), settings.command_socket(worker)]
    async with heartbeat(settings.chat_heartbeat(worker)), giving_memory_back():
        await serve(app, sockets, port)


if __name__ == "__main__":
    main()
