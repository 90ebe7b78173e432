"""The services of the supervisor's process, for tests."""

from __future__ import annotations

from pathlib import Path

from appliance.core.clock import Clock, SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database, conninfo
from appliance.llm.client import ModelRunner
from appliance.services import Services, build_services
from tests.builders.people import FAST_PASSWORDS
from tests.fakes.operations import fake_runner


def services_of(
    database: Database, clock: Clock | None = None, settings: Settings | None = None
) -> Services:
    """Return services that use a database, with a model runner that does not exist."""
    runner, clock = ModelRunner("http://127.0.0.1:9"), clock or SystemClock()
    settings = settings or Settings(home=Path("/nowhere"))
    operations, _ = fake_runner(settings.operations, clock)
    return build_services(settings, database, runner, clock, FAST_PASSWORDS, operations)


def services_without_database() -> Services:
    """Return services whose database is never opened: nothing in the test may ask it."""
    return services_of(Database(conninfo(Path("/nowhere"), "cloister")))
