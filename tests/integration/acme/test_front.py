"""The real Nginx answers a real authority, and serves what it gets from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.acme.records import AcmeRecords
from appliance.acme.service import AcmeService
from appliance.actors.model import CommandLine
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.tls.model import Origin, facts_of
from tests.fakes.acme import TERMS, Pebble, running_pebble
from tests.fakes.clock import FakeClock
from tests.integration.acme.conftest import InProcess, NoAudit
from tests.integration.supervisor.parts import temporary_home
from tests.integration.tls.parts import Front, front
from tests.ports import free_port

ACTOR = CommandLine()
NAME, OTHER = "box.example", "www.box.example"


@pytest.fixture
def settings() -> Iterator[Settings]:
    with temporary_home() as settings:
        yield replace(settings, with_tls=True, account=None, host=NAME, plain_port=free_port())


@pytest.fixture
def pebble(settings: Settings, tmp_path: Path) -> Iterator[Pebble]:
    """A Pebble that looks at the port on which Nginx serves without TLS."""
    with running_pebble(tmp_path, web_port=settings.plain_port) as running:
        yield running


@pytest.fixture
async def web(settings: Settings) -> AsyncIterator[Front]:
    async with front(settings) as running:
        yield running


def service(web: Front, settings: Settings, clock: FakeClock) -> AcmeService:
    runner = OperationRunner(settings.operations, InProcess(settings, SystemClock()), SystemClock())
    records = AcmeRecords(settings.state)
    return AcmeService(settings, records, runner, web.certificates, NoAudit(), clock)


async def test_a_certificate_is_got_renewed_and_served(
    settings: Settings, pebble: Pebble, web: Front
) -> None:
    clock = FakeClock(datetime.now(UTC))
    acme = service(web, settings, clock)
    typed = {"directory": pebble.directory, "root": pebble.root, "terms": TERMS}
    await acme.use(ACTOR, {**typed, "names": f"{NAME} {OTHER}"})
    await acme.renew(NoFollower(), forced=False)
    first = (await web.certificates.published()).served
    assert first is not None
    assert first.origin is Origin.ACME
    facts = facts_of(first.pair.certificate)
    assert set(facts.names) == {NAME, OTHER}
    assert "Pebble" in facts.issuer
    assert await web.certificates.served() == facts.fingerprint
    # No one has to confirm it.
    assert web.certificates.on_trial() is None
    clock.advance(64 * 24 * 3600)
    await acme.renew(NoFollower(), forced=False)
    second = (await web.certificates.published()).served
    assert second is not None
    assert second.pair.certificate != first.pair.certificate
    served = await web.certificates.served()
    assert served == facts_of(second.pair.certificate).fingerprint


async def test_a_run_that_fails_changes_nothing(
    settings: Settings, pebble: Pebble, web: Front
) -> None:
    before = await web.certificates.served()
    acme = service(web, settings, FakeClock(datetime.now(UTC)))
    pebble.hide(NAME)
    typed = {"directory": pebble.directory, "root": pebble.root, "terms": TERMS}
    await acme.use(ACTOR, typed)
    with pytest.raises(Exception, match=NAME):
        await acme.renew(NoFollower(), forced=False)
    assert await web.certificates.served() == before
