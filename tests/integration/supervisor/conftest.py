"""A home of its own for each test, and a watch on code that would block the event loop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx

from appliance.core.settings import Settings
from tests.integration.supervisor.parts import temporary_home


@pytest.fixture
def settings() -> Iterator[Settings]:
    with temporary_home() as settings:
        yield settings


@pytest.fixture(autouse=True)
def _nothing_blocks_the_event_loop() -> Iterator[None]:
    modules = ["appliance.core", "appliance.probes", "appliance.units", "appliance.supervisor"]
    with blockbuster_ctx(modules):
        yield
