"""What the terminal names to open: never an address that may be another program's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from appliance.accounts.secrets import Secret
from appliance.accounts.service import Accounts
from appliance.announcement import Announcement
from appliance.core.settings import Settings
from appliance.health.service import HealthService
from appliance.supervisor.loop import Supervisor
from appliance.supervisor.model import Phase
from tests.fakes.clock import FakeClock
from tests.fakes.units import READY, FakeUnits

BEHIND_NGINX = Settings(home=Path("/srv"), nginx="/usr/sbin/nginx")
ALONE = Settings(home=Path("/srv"))


def said(settings: Settings, front: str, phase: Phase) -> tuple[bool, str]:
    """Return whether the announcement goes on to the claim link, and what it says before."""
    lines: list[str] = []
    units = FakeUnits([replace(READY, name=front, phase=phase)])
    announcement = Announcement(
        settings=settings,
        supervisor=cast("Supervisor", units),
        absent=(),
        health=cast("HealthService", None),
        accounts=cast("Accounts", None),
        clock=FakeClock(),
        say=lines.append,
    )
    return announcement._addresses(), "\n".join(lines)


def test_both_sites_are_named_when_nginx_serves() -> None:
    goes_on, text = said(BEHIND_NGINX, "nginx", Phase.READY)
    assert goes_on
    assert text.count("http://127.0.0.1:8080/") == 2


def test_no_address_is_named_while_nginx_does_not_serve() -> None:
    for phase in (Phase.FAILED, Phase.GAVE_UP, Phase.FAILING, Phase.STOPPED):
        goes_on, text = said(BEHIND_NGINX, "nginx", phase)
        assert not goes_on
        assert "http" not in text
        assert "nginx does not serve" in text


async def test_the_claim_link_is_printed_with_the_time_it_works() -> None:
    class Unclaimed:
        async def is_claimed(self) -> bool:
            return False

        async def new_claim_code(self, _: object) -> Secret:
            return Secret("ABCDE-ABCDE-ABCDE-ABCDE", b"")

    lines: list[str] = []
    announcement = Announcement(
        settings=replace(ALONE, claim_minutes=20),
        supervisor=cast("Supervisor", FakeUnits([])),
        absent=(),
        health=cast("HealthService", None),
        accounts=cast("Accounts", Unclaimed()),
        clock=FakeClock(),
        say=lines.append,
    )
    await announcement._claim_link()
    text = "\n".join(lines)
    assert "within 20 minutes, once:" in text
    assert "http://127.0.0.1:8081/admin/claim#ABCDE-ABCDE-ABCDE-ABCDE" in text
    assert "“cloister claim” prints a new one" in text


def test_without_nginx_the_console_has_a_port_of_its_own() -> None:
    goes_on, text = said(ALONE, "webchat@1", Phase.FAILED)
    assert goes_on
    assert "Console   http://127.0.0.1:8081/admin/" in text
    assert "Chat" not in text
