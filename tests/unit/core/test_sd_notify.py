"""What systemd hears."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from appliance.core.sd_notify import Notifier, watchdog_interval


def test_systemd_receives_each_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        notifier = Notifier()
        notifier.ready()
        notifier.status("all units serve\nREADY=0")
        notifier.watchdog()
        notifier.stopping()
        heard = [systemd.recv(1000).decode() for _ in range(4)]
        assert notifier._systemd is not None
        notifier._systemd.socket.close()
    assert heard == ["READY=1", "STATUS=all units serve READY=0", "WATCHDOG=1", "STOPPING=1"]


def test_without_systemd_nothing_happens() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.watchdog()


@pytest.mark.parametrize(
    ("environment", "interval"),
    [({}, None), ({"WATCHDOG_USEC": "30000000"}, 15.0), ({"WATCHDOG_USEC": "x"}, None)],
)
def test_the_watchdog_is_fed_twice_as_often_as_needed(
    environment: dict[str, str], interval: float | None
) -> None:
    assert watchdog_interval(environment) == interval
