"""Checks of the way in: the address that people open, and its certificate."""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime, timedelta

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.health.model import Check, Finding, failed, fine, judged, unknown, warning
from appliance.probes.http import HttpProbe
from appliance.units.certificate import expires, fingerprint
from appliance.units.nginx import ANY_ADDRESS

EXPIRES_SOON = timedelta(days=21)
HERE = "127.0.0.1"
LOGS = "`cloister logs nginx` and `cloister logs webchat@1` say why."


def front_checks(
    settings: Settings, clock: Clock, *, host: str = HERE, port: int = 443
) -> list[Check]:
    """Return the checks; `host` and `port` are where the installed machine serves itself."""

    async def certificate() -> Finding:
        # Nobody vouches for the machine's own certificate: the point is to see which one it is.
        try:
            pem = await asyncio.to_thread(ssl.get_server_certificate, (host, port), timeout=5)
        except OSError as error:
            return unknown(f"Nothing shows one at {host}:{port}: {error.strerror or error}.")
        now, until = clock.now(), expires(pem.encode())
        return judged_certificate(fingerprint(pem.encode()), until, now)

    async def packaged() -> Finding:
        probe = HttpProbe(f"https://{host}:{port}/health", verified=False)
        return judged(await probe.read(), f"https://{host}/", LOGS)

    async def clone() -> Finding:
        own = ANY_ADDRESS.get(settings.bind, settings.bind)
        address = f"http://{own}:{settings.port}/"
        return judged(await HttpProbe(f"{address}health").read(), address, LOGS)

    if not settings.packaged:
        return [Check("web server", clone)]
    # The packet filter lets none of Cloister's accounts connect to anything, and counts attempts.
    return [
        Check("web server", packaged, as_root=True),
        Check("certificate", certificate, as_root=True),
    ]


def judged_certificate(mark: str, until: datetime, now: datetime) -> Finding:
    """Judge how long a certificate is still valid."""
    hint = (
        "Put a new one into /var/lib/cloister/tls, or remove an old one of ours there; "
        "then `cloister restart nginx`."
    )
    if until <= now:
        return failed(f"The certificate expired on {until:%Y-%m-%d}.", hint)
    if until - now < EXPIRES_SOON:
        return warning(f"The certificate expires on {until:%Y-%m-%d}.", hint)
    return fine(f"The certificate is valid until {until:%Y-%m-%d}; SHA-256 {mark}")
