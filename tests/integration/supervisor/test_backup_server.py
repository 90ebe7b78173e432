"""A backup server that hangs is restarted, although its supervisor may not ask it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.probes import last_answer
from appliance.supervisor import decide
from appliance.supervisor.loop import Supervisor
from appliance.supervisor.model import Phase
from appliance.units.backup_server import backup_server
from appliance.units.model import Unit
from tests.integration.supervisor.parts import (
    gone,
    phase,
    pid_of,
    supervised,
    supervised_by_systemd,
    until,
)

Supervising = Callable[..., AbstractAsyncContextManager[Supervisor]]
# Serves as the real one does, until the file `hang` is there: then it accepts, and says nothing. It
# prepares its folder itself, because the small systemd of these tests runs a unit's command alone.
SERVER = """#!/usr/bin/python3
import os, socket, sys
path = next(word for word in sys.argv if word.startswith("--listen=unix:")).partition(":")[2]
os.makedirs(os.path.dirname(path), exist_ok=True)
for name in (path, os.path.join(os.path.dirname(path), "answered")):
    if os.path.exists(name):
        os.unlink(name)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
print("serves", flush=True)
kept = []
while True:
    connection, _ = listener.accept()
    if os.path.exists(os.path.join(os.path.dirname(path), "hang")):
        kept.append(connection)
        continue
    with connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.0 404 Not Found\\r\\n\\r\\n")
"""


@pytest.fixture(params=[supervised, supervised_by_systemd], ids=["children", "systemd"])
def supervising(request: pytest.FixtureRequest) -> Supervising:
    made: Supervising = request.param
    return made


@pytest.fixture
def unit(settings: Settings) -> Unit:
    program = settings.home / "rest-server"
    program.write_text(SERVER)
    program.chmod(0o755)
    return replace(backup_server(settings, program), probe_interval=0.2)


def asker_of(server: int) -> int:
    """Return the process that asks a server."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = path.read_text().rpartition(")")[2].split() if path.exists() else ["", "0"]
        if int(fields[1]) == server:
            return int(path.parent.name)
    raise AssertionError(f"nothing runs beside {server}")


async def test_a_hung_server_is_restarted_and_nothing_of_it_stays(
    settings: Settings,
    unit: Unit,
    supervising: Supervising,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(last_answer, "LONGEST_SILENCE", 2.5)
    monkeypatch.setattr(decide, "FAILING_SECONDS", 0.3)
    hang = settings.repository_socket.with_name("hang")
    async with supervising(settings, unit) as supervisor:
        await until(supervisor.ready.is_set)
        first = pid_of(supervisor, unit.name)
        assert (
            Path(f"/proc/{first}/cmdline")
            .read_bytes()
            .endswith(f"--path={settings.repository}\0".encode())
        )
        asker = asker_of(first)
        hang.touch()
        await until(lambda: "no answer" in supervisor.view(unit.name).reason)
        # The socket is there all the time: that it is says nothing.
        assert settings.repository_socket.is_socket()
        await until(lambda: gone(first) and gone(asker))
        hang.unlink()
        await until(lambda: phase(supervisor, unit.name) is Phase.READY)
        second = pid_of(supervisor, unit.name)
        assert second != first
        asker = asker_of(second)
    await until(lambda: gone(second) and gone(asker))
