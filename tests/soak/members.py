"""A member of the soak: an API key, and a browser that is signed in."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp

from tests.appliance import Appliance
from tests.bench.web import Browser, signed_in

# A member waits for a busy appliance, but not for ever: beyond this a request counts as lost.
PATIENCE = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True, slots=True)
class Member:
    """One person; `programs` sends their key with each request, `browser` their session."""

    name: str
    address: str
    programs: aiohttp.ClientSession
    browser: Browser


async def member(stack: AsyncExitStack, appliance: Appliance, name: str, role: str) -> Member:
    """Add a person, make a key for them, and sign their browser in; `stack` closes both."""
    added = await asyncio.to_thread(appliance.cli, "user", "add", name, "--role", role)
    created = await asyncio.to_thread(appliance.cli, "api-key", "create", "soak", "--user", name)
    programs = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"Authorization": f"Bearer {created['key']}"},
        timeout=PATIENCE,
    )
    await stack.enter_async_context(programs)
    browser = await stack.enter_async_context(
        signed_in(appliance.address, added["link"], ["How high is the tower?"])
    )
    return Member(name, appliance.address, programs, browser)
