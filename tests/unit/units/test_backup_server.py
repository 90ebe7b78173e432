"""The server of the repository: its folders, and what shows that it serves."""

from __future__ import annotations

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.probes.last_answer import LONGEST_SILENCE
from appliance.probes.model import ProbeState
from appliance.units import asked_server
from appliance.units.asked_server import answers, write
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


async def test_it_serves_when_it_answers_and_not_when_it_listens(
    unit: Unit, settings: Settings
) -> None:
    assert unit.probe is not None
    await unit.prepare()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(settings.repository_socket))
        assert (await unit.probe.read()).state is ProbeState.NOT_READY
    answered = settings.repository_socket.with_name("answered")
    write(answered, time.monotonic())
    # The supervisor is another account, and sees the folder.
    assert answered.stat().st_mode & 0o777 == 0o644
    assert (await unit.probe.read()).state is ProbeState.OK
    write(answered, time.monotonic() - LONGEST_SILENCE - 1)
    found = await unit.probe.read()
    assert (found.state, found.silent) == (ProbeState.FAILED, True)
    # What a former server left says nothing about the next one.
    await unit.prepare()
    assert (await unit.probe.read()).state is ProbeState.NOT_READY
    assert not settings.repository_socket.exists()


@pytest.mark.parametrize(
    ("said", "serves"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", True),
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\n", False),
        (b"", False),
        (b"nonsense", False),
    ],
)
def test_an_answer_shows_that_it_serves(settings: Settings, said: bytes, serves: bool) -> None:
    path = str(settings.repository_socket)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        assert not answers(path)
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(1000).startswith(b"HEAD /config HTTP/1.0\r\n")
                connection.sendall(said)

        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(answer)
            assert answers(path) is serves
            done.result()


def test_a_server_that_accepts_and_is_silent_does_not_serve(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_server, "ANSWER_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(settings.repository_socket))
        listener.listen()
        assert not answers(str(settings.repository_socket))
