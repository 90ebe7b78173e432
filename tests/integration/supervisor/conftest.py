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
    with blockbuster_ctx(modules) as blockbuster:
        # Connecting to a local socket does not wait, because the kernel takes or refuses it at
        # once; and the first words go to a socket that does not block.
        library = "dbus_fast/aio/message_bus.py"
        blockbuster.functions["socket.socket.connect"].can_block_in(library, "__init__")
        blockbuster.functions["io.BufferedWriter.write"].can_block_in(library, "connect")
        yield
