"""Is the certificate valid for a good while yet, and is it the one that is served?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.health.model import Check, CheckId, CheckResult, failed, ok, unknown, warning
from appliance.health.remedies import OpenAcme, Remedy, RestartService, RunCommand, StartJob
from appliance.health.service_words import WEB_SERVER
from appliance.jobs.kinds import CERTIFICATE
from appliance.tls.model import CertificateFacts, Origin, facts_of
from appliance.tls.published import read_published
from appliance.tls.renewal import RenewalFailure, read_failure
from appliance.tls.web_server import served_fingerprint

# An operator who looks once a month, once a fortnight or once a week sees it in time. From the last
# week on the machine counts as not ready, so that monitors of it see it as well.
NOTICED, URGENT, CRITICAL, LAST = (timedelta(days=days) for days in (30, 14, 7, 1))
# An authority renews at two thirds of the lifetime, which may be days: what is left then is no
# fault. Each time is at most this part of the lifetime.
_PARTS_BY_ACME = (1 / 4, 1 / 6, 1 / 10, 1 / 20)


@dataclass(frozen=True, slots=True)
class CertificateState:
    """What is known of the certificate. `served` is the fingerprint that Nginx shows."""

    origin: Origin | None = None
    facts: CertificateFacts | None = None
    served: str | None = None
    failure: RenewalFailure | None = None


AskCertificate = Callable[[], Awaitable[CertificateState]]


def ask_certificate(settings: Settings) -> AskCertificate | None:
    """Return what asks for the certificate; None where people connect without TLS."""

    async def ask() -> CertificateState:
        published = await asyncio.to_thread(read_published, settings.certificates)
        stored = published.served
        return CertificateState(
            origin=stored.origin if stored else None,
            facts=facts_of(stored.pair.certificate) if stored else None,
            served=await served_fingerprint(settings.nginx_tls_socket),
            failure=await asyncio.to_thread(read_failure, settings.state),
        )

    return ask if settings.https else None


def certificate_check(ask: AskCertificate, clock: Clock, *, limit: float) -> Check:
    """Return the check."""

    async def answer() -> CheckResult:
        return evaluate_certificate(await ask(), clock.now())

    return Check(CheckId.CERTIFICATE, answer, limit)


def evaluate_certificate(state: CertificateState, now: datetime) -> CheckResult:
    """Say what is wrong with the certificate, the worst first. Pure."""
    facts = state.facts
    if facts is None:
        if state.failure is not None:
            return _of_failure(state.failure)
        return unknown(CheckId.CERTIFICATE, "There is no certificate yet.")
    if now < facts.not_before:
        sentence = f"The certificate is not valid before {facts.not_before:%Y-%m-%d %H:%M} UTC."
        hint = "The clock of this machine may be wrong, or the certificate is for later."
        return failed(CheckId.CERTIFICATE, sentence, hint, RunCommand("timedatectl"))
    if state.served is not None and state.served != facts.fingerprint:
        sentence = f"Nginx serves another certificate than the machine has: {state.served}"
        hint = "Restart the web server; if that does not help, its log says why."
        return failed(CheckId.CERTIFICATE, sentence, hint, RestartService(WEB_SERVER))
    left = facts.not_after - now
    # A renewal that failed is worth a look before the certificate ends because of it.
    _, _, critical, _ = _times(state.origin, facts)
    if state.failure is not None and left > critical:
        return _of_failure(state.failure)
    return _of_end(state.origin, facts, left)


def _of_failure(failure: RenewalFailure) -> CheckResult:
    sentence = f"The certificate could not be renewed: {failure.message}"
    return warning(
        CheckId.CERTIFICATE, sentence, failure.hint, StartJob(CERTIFICATE.name), degrades=True
    )


def _of_end(origin: Origin | None, facts: CertificateFacts, left: timedelta) -> CheckResult:
    hint, remedy = _advice(origin)
    date = f"{facts.not_after:%Y-%m-%d %H:%M} UTC"
    if left <= timedelta():
        return failed(CheckId.CERTIFICATE, f"The certificate expired on {date}.", hint, remedy)
    days = left // timedelta(days=1)
    count = "in less than a day" if days == 0 else f"in {days} day{'s' if days != 1 else ''}"
    sentence = f"The certificate expires {count}, on {date}."
    noticed, urgent, critical, last = _times(origin, facts)
    if left <= last:
        return failed(CheckId.CERTIFICATE, sentence, hint, remedy)
    if left <= critical:
        return warning(CheckId.CERTIFICATE, sentence, hint, remedy, degrades=True)
    if left <= urgent:
        return warning(CheckId.CERTIFICATE, sentence, f"{hint} Do it this week.", remedy)
    if left <= noticed:
        return warning(CheckId.CERTIFICATE, sentence, hint, remedy)
    sentence = f"The certificate is valid until {date}; SHA-256 {facts.fingerprint}"
    return ok(CheckId.CERTIFICATE, sentence)


def _times(origin: Origin | None, facts: CertificateFacts) -> tuple[timedelta, ...]:
    """Return how long before the end it is noticed, urgent, critical, and a failure."""
    times = (NOTICED, URGENT, CRITICAL, LAST)
    if origin is not Origin.ACME:
        return times
    lifetime = facts.not_after - facts.not_before
    return tuple(
        min(most, lifetime * part) for most, part in zip(times, _PARTS_BY_ACME, strict=True)
    )


def _advice(origin: Origin | None) -> tuple[str, Remedy]:
    match origin:
        case Origin.OWN_AUTHORITY | None:
            hint = "The machine renews it by itself. Start the job, and see why it did not."
            return hint, StartJob(CERTIFICATE.name)
        case Origin.ACME:
            hint = "An authority renews it by itself, as long as ACME is set up."
            return hint, OpenAcme()
        case Origin.UPLOADED | Origin.REQUESTED:
            hint = "Get a new one from its authority, and upload it."
            return hint, RunCommand("cloister tls use FILE")
