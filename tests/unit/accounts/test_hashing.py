"""Few hashes at once, and no endless queue for them."""

from __future__ import annotations

import asyncio
import threading

import pytest
from typing_extensions import override

from appliance.accounts.errors import TooManyAttemptsError
from appliance.accounts.hashing import MOST_WAITING, Hashing
from appliance.accounts.secrets import Passwords


class SlowPasswords(Passwords):
    """Hashes nothing until it may; knows how many were at it together."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8)
        self.may_go_on = threading.Event()
        self._counting = threading.Lock()
        self._now = 0
        self.most = 0

    @override
    def derive(self, parameters: str | None, password: str) -> bytes:
        with self._counting:
            self._now += 1
            self.most = max(self.most, self._now)
        self.may_go_on.wait(10)
        with self._counting:
            self._now -= 1
        return b"key"


async def test_two_at_once_fifty_wait_and_the_rest_is_refused() -> None:
    passwords = SlowPasswords()
    hashing = Hashing(passwords)
    guesses = [asyncio.ensure_future(hashing.derive(None, "guess")) for _ in range(400)]
    refused = 400 - 2 - MOST_WAITING
    async with asyncio.timeout(30):
        while sum(guess.done() for guess in guesses) < refused:
            await asyncio.sleep(0)
    passwords.may_go_on.set()
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(outcome, TooManyAttemptsError) for outcome in outcomes) == refused
    assert outcomes.count(b"key") == 2 + MOST_WAITING
    assert passwords.most == 2


async def test_who_leaves_the_queue_makes_room() -> None:
    passwords = SlowPasswords()
    hashing = Hashing(passwords, most_waiting=1)
    running = [asyncio.ensure_future(hashing.derive(None, "guess")) for _ in range(2)]
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(hashing.derive(None, "guess"))
    await asyncio.sleep(0)
    with pytest.raises(TooManyAttemptsError):
        await hashing.new("refused")
    known = asyncio.ensure_future(hashing.derive(None, "right", in_any_case=True))
    await asyncio.sleep(0)
    assert not known.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    passwords.may_go_on.set()
    assert (await hashing.new("welcome")).key == b"key"
    assert await known == b"key"
    assert await asyncio.gather(*running) == [b"key", b"key"]
