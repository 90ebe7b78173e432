"""The address that people open, and the way to it for the supervisor, which has no network."""

from __future__ import annotations

import asyncio
from pathlib import Path

from appliance.core.settings import Settings
from appliance.units.nginx import published_certificate


def certificate_of(settings: Settings) -> Path | None:
    """Return the file of the certificate that people are shown; None where no TLS is served."""
    return published_certificate(settings) if settings.packaged else None


async def served_fingerprint(settings: Settings) -> str:
    """Return the SHA-256 fingerprint of the certificate; empty where none is served, or not yet."""
    path = certificate_of(settings)
    return await asyncio.to_thread(_fingerprint, path) if path else ""


def _fingerprint(path: Path) -> str:
    # It takes a tenth of a second to load, and most processes never need it.
    from appliance.units.certificate import fingerprint

    try:
        return fingerprint(path.read_bytes())
    except (OSError, ValueError):
        return ""
