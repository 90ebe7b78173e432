"""A home of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.core.settings import Settings
from tests.integration.supervisor.parts import temporary_home


@pytest.fixture
def settings() -> Iterator[Settings]:
    with temporary_home() as settings:
        yield settings
