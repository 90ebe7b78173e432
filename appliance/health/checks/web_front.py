"""Does the address answer that people open, and how long is its certificate valid?"""

from __future__ import annotations

import asyncio
import ssl
from datetime import datetime, timedelta

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.health.model import Check, CheckId, CheckResult, failed, ok, unknown, warning
from appliance.health.remedies import ReadLog, RestartService
from appliance.health.service_words import WEB_SERVER
from appliance.probes.http import HttpProbe
from appliance.probes.model import ProbeResult, ProbeState
from appliance.units.certificate import expires, fingerprint
from appliance.units.nginx import ANY_ADDRESS, published_certificate

EXPIRES_SOON = timedelta(days=21)
HERE = "127.0.0.1"


def web_front_checks(
    settings: Settings, clock: Clock, *, host: str = HERE, port: int = 443
) -> list[Check]:
    """Return the checks; `host` and `port` are where the installed machine serves itself."""

    async def certificate() -> CheckResult:
        # No authority vouches for the machine's own certificate: the point is which one it is.
        try:
            pem = await asyncio.to_thread(_shown_certificate, settings, host, port)
        except OSError as error:
            sentence = f"No server shows one at {host}:{port}: {error.strerror or error}."
            return unknown(CheckId.CERTIFICATE, sentence)
        now, until = clock.now(), expires(pem.encode())
        return evaluate_certificate(fingerprint(pem.encode()), until, now)

    async def front() -> CheckResult:
        return await _front(settings, host, port)

    if not settings.packaged:
        return [Check(CheckId.WEB_SERVER, front)]
    # The packet filter lets none of Cloister's accounts connect to anything, and counts attempts.
    return [
        Check(CheckId.WEB_SERVER, front, as_root=True),
        Check(CheckId.CERTIFICATE, certificate, as_root=True),
    ]


async def _front(settings: Settings, host: str, port: int) -> CheckResult:
    if settings.packaged:
        address, probed = f"https://{host}/", f"https://{host}:{port}/health"
    else:
        own = ANY_ADDRESS.get(settings.bind, settings.bind)
        address = f"http://{own}:{settings.port}/"
        probed = f"{address}health"
    if settings.proxy_protocol:
        # A connection without a proxy's line is refused, so another address of Nginx answers.
        probe = HttpProbe("http://localhost/health", socket=settings.nginx_health_socket)
    else:
        probe = HttpProbe(probed, verified=not settings.packaged)
    return evaluate_front(await probe.read(), address)


def _shown_certificate(settings: Settings, host: str, port: int) -> str:
    """Return the certificate as PEM. Raises OSError."""
    if settings.proxy_protocol:
        return published_certificate(settings).read_text()
    return ssl.get_server_certificate((host, port), timeout=5)


def evaluate_front(reading: ProbeResult, address: str) -> CheckResult:
    """Say what the answer of the address means. Pure."""
    sentence = f"{address}: {reading.sentence}"
    if reading.state is ProbeState.OK:
        return ok(CheckId.WEB_SERVER, sentence)
    hint = "The logs of the web server and of the chat servers say why."
    return failed(CheckId.WEB_SERVER, sentence, hint, ReadLog(WEB_SERVER))


def evaluate_certificate(mark: str, until: datetime, now: datetime) -> CheckResult:
    """Say how long a certificate is still valid. Pure."""
    hint = (
        "Put a new one into /var/lib/cloister/tls, or remove an old one of ours there; "
        "then restart the web server."
    )
    remedy = RestartService(WEB_SERVER)
    if until <= now:
        sentence = f"The certificate expired on {until:%Y-%m-%d}."
        return failed(CheckId.CERTIFICATE, sentence, hint, remedy)
    if until - now < EXPIRES_SOON:
        sentence = f"The certificate expires on {until:%Y-%m-%d}."
        return warning(CheckId.CERTIFICATE, sentence, hint, remedy)
    sentence = f"The certificate is valid until {until:%Y-%m-%d}; SHA-256 {mark}"
    return ok(CheckId.CERTIFICATE, sentence)
