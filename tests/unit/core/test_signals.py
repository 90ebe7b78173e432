"""A signal ends a process, unless the process was started to ignore it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from appliance.core.signals import on_signals

NUMBER = signal.SIGUSR1


@pytest.fixture(autouse=True)
def _former_handler() -> Iterator[None]:
    former = signal.getsignal(NUMBER)
    yield
    signal.signal(NUMBER, former)


async def test_a_signal_is_passed_on_in_the_loop() -> None:
    arrived = asyncio.Event()
    on_signals([NUMBER], arrived.set)
    os.kill(os.getpid(), NUMBER)
    await arrived.wait()
    asyncio.get_running_loop().remove_signal_handler(NUMBER)


async def test_a_signal_that_was_ignored_stays_ignored() -> None:
    signal.signal(NUMBER, signal.SIG_IGN)
    arrived = asyncio.Event()
    on_signals([NUMBER], arrived.set)
    assert signal.getsignal(NUMBER) is signal.SIG_IGN
