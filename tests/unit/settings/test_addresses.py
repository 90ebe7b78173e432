"""Where a browser may reach the machine while settings are on trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.settings.addresses import MOST, addresses_to_try

CLONE = Settings(Path("/srv"), host="box", port=9000, nginx="/usr/sbin/nginx")
PACKAGE = Settings(Path("/srv"), packaged=True, host="box", nginx="/usr/sbin/nginx")


@pytest.mark.parametrize(
    ("settings", "host", "addresses"),
    [
        (CLONE, "127.0.0.1:8080", ("http://127.0.0.1:9000",)),
        (CLONE, "localhost:8080", ("http://localhost:9000", "http://127.0.0.1:9000")),
        (CLONE, "[::1]:8080", ("http://[::1]:9000", "http://127.0.0.1:9000")),
        (CLONE, "", ("http://127.0.0.1:9000",)),
        # Without Nginx the console has the next port.
        (replace(CLONE, nginx=None), "127.0.0.1:8081", ("http://127.0.0.1:9001",)),
        (PACKAGE, "192.0.2.7", ("https://192.0.2.7", "https://box")),
        # The name that the operator uses is not served any more.
        (
            replace(PACKAGE, host_names=("chat", "2001:db8::7")),
            "old.example",
            ("https://box", "https://chat", "https://[2001:db8::7]"),
        ),
        (replace(PACKAGE, host_names=("chat",)), "CHAT", ("https://chat", "https://box")),
    ],
)
def test_the_address_in_use_comes_first_if_it_is_served(
    settings: Settings, host: str, addresses: tuple[str, ...]
) -> None:
    assert addresses_to_try(settings, host) == addresses


def test_no_more_links_than_help() -> None:
    names = tuple(f"name{number}" for number in range(20))
    assert len(addresses_to_try(replace(PACKAGE, host_names=names), "box")) == MOST
