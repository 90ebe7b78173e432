"""Does the address answer that people open?"""

from __future__ import annotations

from appliance.core.settings import Settings
from appliance.health.model import Check, CheckId, CheckResult, failed, ok
from appliance.health.remedies import ReadLog
from appliance.health.service_words import WEB_SERVER
from appliance.probes.http import HttpProbe
from appliance.probes.model import ProbeResult, ProbeState
from appliance.units.nginx import ANY_ADDRESS

HERE = "127.0.0.1"


def web_front_check(settings: Settings, *, host: str = HERE, port: int = 443) -> Check:
    """Return the check; `host` and `port` are where the installed machine serves itself."""

    async def front() -> CheckResult:
        return await _front(settings, host, port)

    # The packet filter lets none of Cloister's accounts connect to anything, and counts attempts.
    return Check(CheckId.WEB_SERVER, front, as_root=settings.packaged)


async def _front(settings: Settings, host: str, port: int) -> CheckResult:
    if settings.packaged:
        address, probed = f"https://{host}/", f"https://{host}:{port}/health"
    else:
        own = ANY_ADDRESS.get(settings.bind, settings.bind)
        address = f"{'https' if settings.https else 'http'}://{own}:{settings.port}/"
        probed = f"{address}health"
    if settings.proxy_protocol:
        # A connection without a proxy's line is refused, so another address of Nginx answers.
        probe = HttpProbe("http://localhost/health", socket=settings.nginx_health_socket)
    else:
        probe = HttpProbe(probed, verified=not settings.https)
    return evaluate_front(await probe.read(), address)


def evaluate_front(reading: ProbeResult, address: str) -> CheckResult:
    """Say what the answer of the address means. Pure."""
    sentence = f"{address}: {reading.sentence}"
    if reading.state is ProbeState.OK:
        return ok(CheckId.WEB_SERVER, sentence)
    hint = "The logs of the web server and of the chat servers say why."
    return failed(CheckId.WEB_SERVER, sentence, hint, ReadLog(WEB_SERVER))
