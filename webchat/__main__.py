"""Run one chat server: `python -m webchat NUMBER`."""

from __future__ import annotations

import asyncio
import sys

from appliance.core.clock import SystemClock
from appliance.core.log import set_up
from appliance.core.settings import from_environment
from appliance.web.server import serve
from webchat.app import build


def main() -> None:
    """Serve until SIGTERM, on the worker's socket, and on TCP when there is no Nginx."""
    worker = int(sys.argv[1])
    set_up()
    settings = from_environment()
    port = None if settings.nginx or worker != 1 else (settings.bind, settings.port)
    app = build(settings, SystemClock(), worker)
    asyncio.run(serve(app, settings.chat_socket(worker), port))


if __name__ == "__main__":
    main()
