"""The services of the supervisor's process, for tests."""

from __future__ import annotations

from pathlib import Path

from appliance.core.clock import Clock, SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database, conninfo
from appliance.llm.client import ModelRunner
from appliance.services import Services, build_services
from tests.builders.people import FAST_PASSWORDS


def services_of(database: Database, clock: Clock | None = None) -> Services:
    """Return services that use a database, with a model runner that does not exist."""
    runner = ModelRunner("http://127.0.0.1:9")
    return build_services(
        Settings(home=Path("/nowhere")), database, runner, clock or SystemClock(), FAST_PASSWORDS
    )


def services_without_database() -> Services:
    """Return services whose database is never opened: nothing in the test may ask it."""
    return services_of(Database(conninfo(Path("/nowhere"), "cloister")))
