"""A machine that gets certificates by itself: set-up, renewal with a moved clock, names, faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.acme.errors import (
    AcmeOffError,
    NoNameError,
    NoNameValidError,
    TermsNotAcceptedError,
)
from appliance.acme.model import Refusal
from appliance.acme.plan import Due
from appliance.actors.model import CommandLine, System
from appliance.audit.model import Action
from appliance.core.clock import SystemClock
from appliance.core.errors import ForbiddenError
from appliance.operations.child import ChildOperations
from appliance.operations.errors import OperationError
from appliance.operations.runner import OperationRunner
from appliance.tls.errors import NoTlsError
from tests.fakes.acme import CUSTOMER, TERMS, Pebble, names_of, running_pebble
from tests.integration.acme.conftest import Machine, Site, serving

ACTOR = CommandLine()
NAME, OTHER = "chat.example", "www.chat.example"
DAY = 24 * 3600.0


def typed(pebble: Pebble, **more: str) -> dict[str, str]:
    return {"directory": pebble.directory, "root": pebble.root, "terms": TERMS, **more}


async def test_the_first_certificate_is_for_the_name_of_the_machine(
    machine: Machine, pebble: Pebble, site: Site
) -> None:
    await machine.service.use(ACTOR, typed(pebble, contact="ada@chat.example"))
    assert (await machine.service.status()).due is Due.FIRST
    await machine.renew()
    (leaf,) = machine.certificates.used
    assert names_of(leaf) == {NAME}
    state = await machine.state()
    assert (state.names, state.not_after) == ((NAME,), leaf.not_valid_after_utc)
    assert (await machine.service.status()).due is None
    # Nothing is due any more, and nothing is asked.
    asked = len(machine.starter.requests)
    assert await machine.renew() is None
    assert len(machine.starter.requests) == asked


async def test_it_is_renewed_when_two_thirds_of_its_lifetime_are_over(
    machine: Machine, pebble: Pebble, site: Site
) -> None:
    await machine.service.use(ACTOR, typed(pebble))
    await machine.renew()
    machine.clock.advance(59 * DAY)
    assert await machine.renew() is None
    machine.clock.advance(5 * DAY)
    assert (await machine.service.status()).due is Due.RENEWAL
    await machine.renew()
    first, second = machine.certificates.used
    assert first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()


async def test_a_person_may_renew_at_any_time(machine: Machine, pebble: Pebble, site: Site) -> None:
    await machine.service.use(ACTOR, typed(pebble))
    await machine.renew()
    await machine.renew(forced=True)
    assert len(machine.certificates.used) == 2


async def test_a_name_that_fails_blocks_no_other_and_is_tried_again(
    machine: Machine, pebble: Pebble, site: Site
) -> None:
    late = "late.chat.example"
    pebble.hide(late)
    await machine.service.use(ACTOR, typed(pebble, names=f"{NAME} {late} {OTHER}"))
    await machine.renew()
    assert names_of(machine.certificates.used[0]) == {NAME, OTHER}
    state = await machine.state()
    assert [failure.name for failure in state.failed] == [late]
    assert (state.failures, state.error) == (1, "")
    assert any(late in line for line in machine.followed.lines)
    # It fails again: nothing is ordered for the others.
    machine.clock.advance(DAY)
    assert (await machine.service.status()).due is Due.RETRY
    await machine.renew()
    assert len(machine.certificates.used) == 1
    assert (await machine.state()).failures == 2
    # The name works now.
    pebble.show(late)
    machine.clock.advance(DAY)
    await machine.renew()
    assert names_of(machine.certificates.used[1]) == {NAME, late, OTHER}
    assert ((await machine.state()).failed, (await machine.state()).failures) == ((), 0)


async def test_when_no_name_works_each_is_named_and_the_run_waits(
    machine: Machine, pebble: Pebble
) -> None:
    """No web server answers."""
    await machine.service.use(ACTOR, typed(pebble, names=f"{NAME} {OTHER}"))
    with pytest.raises(NoNameValidError) as found:
        await machine.renew()
    assert NAME in found.value.message
    assert OTHER in found.value.message
    assert "Port 80" in found.value.advice
    state = await machine.state()
    assert [failure.refusal for failure in state.failed] == [Refusal.UNREACHABLE] * 2
    assert state.error == NoNameValidError.code
    assert state.message == found.value.message
    assert await machine.renew() is None
    assert not machine.certificates.used


async def test_other_names_are_ordered_at_once(
    machine: Machine, pebble: Pebble, site: Site
) -> None:
    await machine.service.use(ACTOR, typed(pebble))
    await machine.renew()
    machine.settings = replace(machine.settings, host_names=(OTHER,))
    machine.starter.settings = machine.settings
    await machine.renew()
    assert [names_of(leaf) for leaf in machine.certificates.used] == [{NAME}, {NAME, OTHER}]


async def test_a_server_that_is_away_is_tried_again_later(machine: Machine, tmp_path: Path) -> None:
    with running_pebble(tmp_path / "pebble") as pebble:
        await machine.service.use(ACTOR, typed(pebble))
    with pytest.raises(OperationError) as found:
        await machine.renew()
    assert found.value.result.code == "acme_server_away"
    state = await machine.state()
    assert (state.error, state.failures) == ("acme_server_away", 1)
    assert "cannot be reached" in state.message
    assert state.next_try_at is not None
    assert timedelta(minutes=29) < state.next_try_at - machine.clock.now() <= timedelta(hours=1)
    with running_pebble(tmp_path / "pebble", like=pebble) as back:
        async with serving(machine.settings, back.web_port, Site()):
            assert await machine.renew() is None
            machine.clock.advance(3600)
            assert await machine.renew() is not None
    assert ((await machine.state()).error, (await machine.state()).failures) == ("", 0)


@pytest.fixture
async def staging(machine: Machine, tmp_path: Path) -> AsyncIterator[Pebble]:
    """A second server of the same authority, for rehearsals."""
    with running_pebble(tmp_path / "staging") as running:
        async with serving(machine.settings, running.web_port, Site()):
            yield running


async def test_a_run_is_tried_at_the_staging_server_first(
    machine: Machine, tmp_path: Path, staging: Pebble
) -> None:
    with running_pebble(tmp_path / "real", authority=staging.authority) as real:
        async with serving(machine.settings, real.web_port, Site()):
            await machine.service.use(ACTOR, typed(real, staging=staging.directory))
            await machine.renew()
            issued = [request for request in machine.starter.requests if "csr" in request]
            assert [one["directory"] for one in issued] == [staging.directory, real.directory]
            assert len(machine.certificates.used) == 1
            # It has worked: a renewal goes to the real one at once.
            machine.clock.advance(70 * DAY)
            await machine.renew()
            issued = [request for request in machine.starter.requests if "csr" in request]
            assert issued[-1]["directory"] == real.directory
            assert len(issued) == 3


async def test_what_fails_at_the_staging_server_never_gets_to_the_real_one(
    machine: Machine, tmp_path: Path, staging: Pebble
) -> None:
    staging.hide(OTHER)
    with running_pebble(tmp_path / "real", authority=staging.authority) as real:
        async with serving(machine.settings, real.web_port, Site()):
            names = f"{NAME} {OTHER}"
            await machine.service.use(ACTOR, typed(real, staging=staging.directory, names=names))
            await machine.renew()
    assert machine.certificates.requests == [(NAME, OTHER), (NAME,), (NAME,)]
    assert names_of(machine.certificates.used[0]) == {NAME}
    assert [failure.name for failure in (await machine.state()).failed] == [OTHER]


async def test_a_staging_server_that_is_away_delays_the_first_run_and_no_renewal(
    machine: Machine, pebble: Pebble, site: Site, tmp_path: Path
) -> None:
    with running_pebble(tmp_path / "staging", authority=pebble.authority) as staging:
        async with serving(machine.settings, staging.web_port, Site()):
            await machine.service.use(ACTOR, typed(pebble, staging=staging.directory))
            await machine.renew()
    machine.settings = replace(machine.settings, host_names=(OTHER,))
    machine.starter.settings = machine.settings
    await machine.renew()
    assert names_of(machine.certificates.used[-1]) == {NAME, OTHER}
    await machine.service.off(ACTOR)
    await machine.service.use(ACTOR, typed(pebble, staging=staging.directory))
    with pytest.raises(OperationError):
        await machine.renew()


async def test_terms_have_to_be_accepted_before_anything_is_kept(
    machine: Machine, pebble: Pebble
) -> None:
    found = await machine.service.look(ACTOR, typed(pebble))
    assert found.terms == TERMS
    with pytest.raises(OperationError) as refused:
        await machine.service.use(ACTOR, typed(pebble, terms=""))
    assert refused.value.result.code == TermsNotAcceptedError.code
    assert (await machine.service.status()).plan is None


async def test_the_secret_of_a_customer_is_kept_nowhere(machine: Machine, tmp_path: Path) -> None:
    key_id, secret = CUSTOMER
    with running_pebble(tmp_path / "pebble", needs_binding=True) as pebble:
        assert (await machine.service.look(ACTOR, typed(pebble))).needs_binding
        await machine.service.use(ACTOR, typed(pebble, key_id=key_id, secret=secret))
        async with serving(machine.settings, pebble.web_port, Site()):
            await machine.renew()
    files = [path for path in machine.settings.home.rglob("*") if path.is_file()]
    assert len(files) > 2
    assert not [path for path in files if secret.encode() in path.read_bytes()]


async def test_it_can_be_switched_off(machine: Machine, pebble: Pebble) -> None:
    await machine.service.use(ACTOR, typed(pebble))
    await machine.service.off(ACTOR)
    assert (await machine.service.status()).plan is None
    assert not list(machine.settings.acme.iterdir())
    assert [event.action for event in machine.audit.noted] == [Action.ACME_USE, Action.ACME_OFF]
    for attempt in (machine.renew(), machine.service.off(ACTOR)):
        with pytest.raises(AcmeOffError):
            await attempt


async def test_without_tls_there_is_nothing_to_set_up(machine: Machine, pebble: Pebble) -> None:
    machine.settings = replace(machine.settings, with_tls=False)
    with pytest.raises(NoTlsError):
        await machine.service.use(ACTOR, typed(pebble))


async def test_only_who_may_change_settings_changes_this(machine: Machine, pebble: Pebble) -> None:
    for attempt in (
        machine.service.use(System(), typed(pebble)),
        machine.service.look(System(), typed(pebble)),
        machine.service.off(System()),
    ):
        with pytest.raises(ForbiddenError):
            await attempt


async def test_the_operation_runs_as_a_process_of_its_own(
    machine: Machine, pebble: Pebble, site: Site
) -> None:
    async with ChildOperations(machine.settings) as starter:
        machine.settings.logs.mkdir(parents=True)
        service = machine.service
        runner = OperationRunner(machine.settings.operations, starter, SystemClock())
        object.__setattr__(service, "operations", runner)
        await service.use(ACTOR, typed(pebble))
        await service.renew(machine.followed, forced=False)
    assert names_of(machine.certificates.used[0]) == {NAME}


async def test_a_machine_without_a_name_that_an_authority_could_reach_says_so(
    machine: Machine, pebble: Pebble
) -> None:
    machine.settings = replace(machine.settings, host="localhost")
    with pytest.raises(NoNameError):
        await machine.service.use(ACTOR, typed(pebble))
    await machine.service.use(ACTOR, typed(pebble, names=NAME))
    plan = machine.service.records.plan()
    assert plan is not None
    machine.service.records.keep_plan(replace(plan, names=()))
    with pytest.raises(NoNameError):
        await machine.renew(forced=True)
    assert (await machine.state()).error == NoNameError.code


async def test_a_fault_of_our_own_is_kept_as_a_failed_run(
    machine: Machine, pebble: Pebble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> bytes:
        raise RuntimeError

    await machine.service.use(ACTOR, typed(pebble))
    monkeypatch.setattr(machine.certificates, "csr", broken)
    with pytest.raises(RuntimeError):
        await machine.renew()
    state = await machine.state()
    assert (state.error, state.failures) == ("internal", 1)
    assert (await machine.service.status()).due is None
