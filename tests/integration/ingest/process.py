"""`python -m tests.integration.ingest.process DATABASE`: the real process on a test's database."""

from __future__ import annotations

import asyncio
import sys

from appliance.core import log
from appliance.core.settings import from_environment
from appliance.ingest.__main__ import until_signal
from appliance.ingest.app import run

if __name__ == "__main__":
    log.set_up()
    asyncio.run(until_signal(run(from_environment(), database_name=sys.argv[1])))
