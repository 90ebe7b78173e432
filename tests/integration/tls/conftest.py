"""A home of its own for each test, in which Nginx serves over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from appliance.core.settings import Settings
from tests.integration.supervisor.parts import temporary_home


@pytest.fixture
def settings() -> Iterator[Settings]:
    with temporary_home() as settings:
        # Nginx runs as the account of the test, which also writes the certificates.
        yield replace(settings, with_tls=True, account=None, host="box.example")
