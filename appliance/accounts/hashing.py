"""Password hashes, a few at a time, so that many sign-ins at once leave the machine usable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.accounts.errors import TooManyAttemptsError
from appliance.accounts.model import NewPassword
from appliance.accounts.secrets import Passwords

# Each hash takes 19 MiB and a core for a moment.
_AT_ONCE = 2
# About a second and a half of work.
MOST_WAITING = 50


class Hashing:
    """Hashes in threads, two at once; when too many wait, further ones are refused."""

    def __init__(self, passwords: Passwords, *, most_waiting: int = MOST_WAITING) -> None:
        self._passwords = passwords
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._most_waiting = most_waiting
        self._waiting = 0

    async def new(self, password: str) -> NewPassword:
        """Return a password to store. Raises TooManyAttemptsError."""
        async with self._place():
            return await asyncio.to_thread(self._passwords.new, password)

    async def derive(
        self, parameters: str | None, password: str, *, in_any_case: bool = False
    ) -> bytes:
        """Return the key that proves a password.

        Raises TooManyAttemptsError, unless the caller wants it in any case, however many wait.
        """
        async with self._place(in_any_case=in_any_case):
            return await asyncio.to_thread(self._passwords.derive, parameters, password)

    @asynccontextmanager
    async def _place(self, *, in_any_case: bool = False) -> AsyncIterator[None]:
        if in_any_case:
            await self._places.acquire()
        else:
            await self._queue()
        try:
            yield
        finally:
            self._places.release()

    async def _queue(self) -> None:
        if self._waiting >= self._most_waiting:
            raise TooManyAttemptsError(seconds=2)
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
