"""The server of the repository: its folders, and the socket that shows that it serves."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.probes.model import ProbeState
from appliance.units.backup_server import backup_server
from appliance.units.model import Unit


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = replace(Settings(tmp_path / "home"), packaged=True, runtime=tmp_path / "run")
    # As systemd-tmpfiles makes it: the group of the folder becomes that of all below.
    settings.repository.mkdir(parents=True)
    settings.repository.chmod(0o2750)
    settings.repository_socket.parent.mkdir(parents=True)
    return settings


@pytest.fixture
def unit(settings: Settings) -> Unit:
    return backup_server(settings, Path("/usr/bin/restic-rest-server"))


async def test_the_group_of_the_repository_gets_into_every_folder(
    unit: Unit, settings: Settings
) -> None:
    former = os.umask(0o007)
    try:
        await unit.prepare()
    finally:
        os.umask(former)
    assert len(list((settings.repository / "data").iterdir())) == 256
    repositories = (settings.repository, settings.repository / "models")
    for folder in (each / name for each in repositories for name in ("keys", "index", "data/0a")):
        assert folder.stat().st_mode & 0o7777 == 0o2750, folder


async def test_what_is_in_the_repository_stays_as_it_is(unit: Unit, settings: Settings) -> None:
    await unit.prepare()
    pack = settings.repository / "data/0a/0a11"
    pack.write_bytes(b"pack")
    await unit.prepare()
    assert pack.read_bytes() == b"pack"


@pytest.mark.parametrize("inside", [".", "models"])
async def test_a_repository_that_lost_its_power_while_it_was_made_is_made_again(
    unit: Unit, settings: Settings, inside: str
) -> None:
    await unit.prepare()
    repository = settings.repository / inside
    config, key = repository / "config", repository / "keys" / "11"
    config.touch()
    key.write_text("{}")
    await unit.prepare()
    assert not config.exists()
    assert not key.exists()


@pytest.mark.parametrize("content", [b"", b"a whole one"])
async def test_a_repository_with_a_snapshot_or_a_whole_config_is_left_alone(
    unit: Unit, settings: Settings, content: bytes
) -> None:
    await unit.prepare()
    config, key = settings.repository / "config", settings.repository / "keys" / "11"
    config.write_bytes(content)
    key.write_text("{}")
    if not content:
        (settings.repository / "snapshots" / "22").write_bytes(b"snapshot")
    await unit.prepare()
    assert config.read_bytes() == content
    assert key.exists()


async def test_it_serves_when_it_listens_and_not_before(unit: Unit, settings: Settings) -> None:
    assert unit.probe is not None
    await unit.prepare()
    assert (await unit.probe.read()).state is ProbeState.NOT_READY
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(settings.repository_socket))
        assert (await unit.probe.read()).state is ProbeState.OK
    # A server that was killed leaves the file: the next start does not take it for its own.
    await unit.prepare()
    assert (await unit.probe.read()).state is ProbeState.NOT_READY
    settings.repository_socket.write_text("no socket")
    assert (await unit.probe.read()).state is ProbeState.FAILED
