"""Bound the bodies that are arriving: by account, and by network without a session or a key.

The web server passes bodies on while they arrive. A body that is sent slowly holds memory and a
connection of this process, so one sender may have few of them. A body that is there takes no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http import HttpProcessingError

from appliance.accounts.login_limits import network_of
from appliance.accounts.model import Account
from appliance.shares.model import Work
from appliance.shares.service import Shares
from appliance.web.errors import BadRequestError, BodyTooSlowError

# How long a body may take, from its first byte to its last. Uploads are not meant.
BODY_SECONDS = 60.0


class Bodies:
    """Counts the bodies that are arriving, and gives each the time that it may take."""

    def __init__(self, shares: Shares | None, seconds: float = BODY_SECONDS) -> None:
        """Take `shares`, which count them; without them the web server alone does."""
        self._shares = shares
        self._seconds = seconds

    async def receive(self, request: web.Request, account: Account | None, address: str) -> None:
        """Wait until all of a body is here; aiohttp keeps it for the next `request.read`.

        Raises what `arriving` raises, and BadRequestError.
        """
        async with self.arriving(request, account, address):
            try:
                await request.read()
            except (ValueError, HttpProcessingError) as error:
                raise BadRequestError from error

    @asynccontextmanager
    async def arriving(
        self, request: web.Request, account: Account | None, address: str
    ) -> AsyncIterator[None]:
        """Count a body while it is read in the block; wait before that until it may arrive.

        Raises TooManyBodiesError, CrowdedError, BusyError, BodyTooSlowError, and
        ConnectionResetError when the client has left.
        """
        if self._shares is None or not request.body_exists:
            yield
            return
        if account is None:
            turn = self._shares[Work.STRANGERS_BODY].turn(
                network_of(address), is_abandoned=lambda: has_left(request)
            )
        else:
            turn = self._shares[Work.BODY].turn(account.id, is_abandoned=lambda: has_left(request))
        async with turn:
            try:
                async with asyncio.timeout(self._seconds):
                    yield
            except TimeoutError as error:
                raise BodyTooSlowError(seconds=round(self._seconds)) from error


def has_left(request: web.Request) -> bool:
    """Say whether the client has closed its connection."""
    return request.transport is None or request.transport.is_closing()
