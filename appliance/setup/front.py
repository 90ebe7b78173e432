"""The address that people open, and the way to it for the supervisor, which has no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from appliance.core.settings import Settings
from appliance.units.nginx import has_health_socket, published_certificate


def certificate_of(settings: Settings) -> Path | None:
    """Return the file of the certificate that people are shown; None where no TLS is served."""
    return published_certificate(settings) if settings.packaged else None


async def served_fingerprint(settings: Settings) -> str:
    """Return the SHA-256 fingerprint of the certificate; empty where none is served, or not yet."""
    path = certificate_of(settings)
    return await asyncio.to_thread(_fingerprint, path) if path else ""


@asynccontextmanager
async def open_front(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Lend a client of the address that people open.

    It goes through Nginx wherever there is one: over its own socket where the supervisor has no
    network, or a connection over TCP would have to begin with the line of a proxy.
    """
    by_socket = settings.nginx is not None and has_health_socket(settings)
    path = str(settings.nginx_health_socket) if by_socket else None
    address = settings.address.replace("https:", "http:")
    transport = httpx.AsyncHTTPTransport(uds=path)
    async with httpx.AsyncClient(
        transport=transport, base_url=address, trust_env=False, follow_redirects=False
    ) as client:
        yield client


def _fingerprint(path: Path) -> str:
    # It takes a tenth of a second to load, and most processes never need it.
    from appliance.units.certificate import fingerprint

    try:
        return fingerprint(path.read_bytes())
    except (OSError, ValueError):
        return ""
