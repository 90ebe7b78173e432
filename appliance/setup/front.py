"""The address that people open, and the way to it for the supervisor, which has no network."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from appliance.core.settings import Settings
from appliance.setup.errors import FrontUnreachableError
from appliance.tls.published import CERTIFICATE
from appliance.units.nginx import has_health_socket


async def served_fingerprint(settings: Settings) -> str:
    """Return the SHA-256 fingerprint of the certificate; empty where none is served, or not yet."""
    return await asyncio.to_thread(_fingerprint, settings) if settings.https else ""


@asynccontextmanager
async def open_front(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Lend a client of the address that people open.

    It goes through Nginx wherever there is one: over a socket of its own where the supervisor has
    no network, or a connection over TCP would have to begin with the line of a proxy. With TLS it
    accepts no other certificate than the one that is published, for the name in the address. Raises
    FrontUnreachableError where that cannot be read.
    """
    path, verify = _socket(settings), await asyncio.to_thread(_context, settings)
    transport = httpx.AsyncHTTPTransport(uds=str(path) if path else None, verify=verify)
    async with httpx.AsyncClient(
        transport=transport, base_url=settings.address, trust_env=False, follow_redirects=False
    ) as client:
        yield client


def _socket(settings: Settings) -> Path | None:
    if settings.nginx is None:
        return None
    if settings.https:
        return settings.nginx_tls_socket
    return settings.nginx_health_socket if has_health_socket(settings) else None


def _context(settings: Settings) -> ssl.SSLContext | bool:
    if not settings.https:
        return True
    try:
        context = ssl.create_default_context(cafile=str(_published(settings)))
    except (OSError, ssl.SSLError) as error:
        reason = "no certificate is published"
        raise FrontUnreachableError(address=settings.address, reason=reason) from error
    # The certificate itself is trusted, and not the authority that has signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _published(settings: Settings) -> Path:
    return settings.certificates / CERTIFICATE


def _fingerprint(settings: Settings) -> str:
    # It takes a tenth of a second to load, and most processes never need it.
    from appliance.tls.certificate import fingerprint_of, load

    try:
        return fingerprint_of(load(_published(settings).read_bytes()))
    except (OSError, ValueError):
        return ""
