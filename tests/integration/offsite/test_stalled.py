"""A target falls silent, at once or in the middle of a copy: it ends, and the next one goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from appliance.offsite import copy_run, probe
from appliance.offsite.errors import TargetSilentError, TargetUnreachableError
from appliance.offsite.places import rest, s3, sftp
from appliance.offsite.timing import Line
from tests.builders.offsite import SERVERS, Machine, restic
from tests.fakes.stalling import StallingProxy, stalling_proxy
from tests.integration.offsite.test_faults import _remove_cut_files

SILENCE = 1.0
COPIES = {"rest": "copy", "ssh": "copy", "s3": "copies/machine"}

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of silence is a second."""
    for module in (sftp, s3):
        monkeypatch.setattr(module, "SILENCE_SECONDS", SILENCE)
    monkeypatch.setattr(rest, "_TIMEOUT", aiohttp.ClientTimeout(total=None, sock_read=SILENCE))
    for module in (copy_run, probe):
        monkeypatch.setattr(module, "Line", partial(Line, silence=SILENCE))


@pytest.fixture
async def proxy() -> AsyncIterator[StallingProxy]:
    async with stalling_proxy() as made:
        yield made


@pytest.mark.parametrize("work", ["probe", "copy"])
@pytest.mark.parametrize("kind", SERVERS)
async def test_a_target_that_accepts_and_never_answers_is_named(
    kind: str, work: str, home: Machine, servers: ExitStack, tmp_path: Path, proxy: StallingProxy
) -> None:
    home.back_up()
    start, make = SERVERS[kind]
    server = servers.enter_context(start(tmp_path / "server"))
    target = home.set_up(make(replace(server, port=proxy.port)))
    proxy.leads_to, proxy.stalls_after = server.port, 0
    with pytest.raises((TargetUnreachableError, TargetSilentError)) as caught:
        await home.do(work)
    assert target.place.rstrip("/") in caught.value.message
    state = await home.state()
    assert (state.error, state.message) == (caught.value.code, caught.value.message)
    assert state.hint
    assert state.failures == (1 if work == "copy" else 0)


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_connection_that_stalls_in_mid_copy_ends_it_and_the_next_copy_goes_on(
    kind: str, home: Machine, servers: ExitStack, tmp_path: Path, proxy: StallingProxy
) -> None:
    home.back_up()
    start, make = SERVERS[kind]
    server = servers.enter_context(start(tmp_path / "server"))
    proxy.leads_to = server.port
    home.set_up(make(replace(server, port=proxy.port)))
    await home.do("probe")
    await home.do("copy")
    first = restic(server.folder / COPIES[kind], "snapshots", "--json")
    home.add_documents()
    home.back_up()
    # In the middle of the new pack.
    proxy.stalls_after = proxy.passed + 250_000
    with pytest.raises((TargetUnreachableError, TargetSilentError)):
        await home.do("copy")
    assert proxy.stalled.is_set()
    state = await home.state()
    assert state.failures == 1
    assert state.next_try_at is not None
    # What was there is as good as before.
    copy = server.folder / COPIES[kind]
    assert restic(copy, "snapshots", "--json", "--no-lock") == first
    proxy.go_on()
    if kind == "rest":
        await _remove_cut_files(home, copy)
    assert (await home.do("copy"))["complete"]
    assert (await home.state()).error == ""
    assert "no errors were found" in restic(copy, "check", "--read-data", "--no-lock")
