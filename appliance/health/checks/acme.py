"""Does the authority go on making certificates for this machine, and for each of its names?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from appliance.acme.model import AcmePlan, AcmeState
from appliance.acme.records import AcmeRecords
from appliance.acme.words import advice_of, sentence_of
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.health.model import Check, CheckId, CheckResult, ok, warning
from appliance.health.remedies import OpenAcme

AskAcme = Callable[[], Awaitable[tuple[AcmePlan | None, AcmeState]]]


def ask_acme(settings: Settings) -> AskAcme | None:
    """Return what reads how the runs went; None where people connect without TLS."""
    records = AcmeRecords(settings.state)

    async def ask() -> tuple[AcmePlan | None, AcmeState]:
        return await asyncio.to_thread(lambda: (records.plan(), records.state()))

    return ask if settings.https else None


def acme_check(ask: AskAcme, clock: Clock, *, limit: float) -> Check:
    """Return the check; it reads files, and asks no authority."""

    async def answer() -> list[CheckResult]:
        return evaluate_acme(*await ask(), clock.now())

    return Check(CheckId.ACME, answer, limit)


def evaluate_acme(plan: AcmePlan | None, state: AcmeState, now: datetime) -> list[CheckResult]:
    """Say what is wrong; nothing where ACME is off. A run that failed is a fault at once. Pure."""
    if plan is None:
        return []
    found = [*_of_run(state, now), *_of_names(state), *_of_terms(state)]
    return found or [ok(CheckId.ACME, _good(state))]


def _of_run(state: AcmeState, now: datetime) -> list[CheckResult]:
    if not state.error:
        return []
    again = ""
    if state.next_try_at is not None and state.next_try_at > now:
        again = f" It is tried again on {state.next_try_at:%Y-%m-%d at %H:%M} UTC."
    sentence = f"The authority gave no certificate: {state.message}"
    hint = f"{state.hint}{again}"
    return [warning(CheckId.ACME, sentence, hint, OpenAcme(), degrades=True)]


def _of_names(state: AcmeState) -> list[CheckResult]:
    """Judge names that the certificate lacks; an error about the whole run has named them."""
    if state.error:
        return []
    return [
        warning(CheckId.ACME, sentence_of(one), advice_of(one), OpenAcme(), degrades=True)
        for one in state.failed
    ]


def _of_terms(state: AcmeState) -> list[CheckResult]:
    if not state.new_terms:
        return []
    sentence = f"The authority has other terms than those that were accepted: {state.new_terms}"
    hint = "It makes certificates for now. Read the terms, and set ACME up again with them."
    return [warning(CheckId.ACME, sentence, hint, OpenAcme())]


def _good(state: AcmeState) -> str:
    if state.renew_at is None:
        return "The first certificate is asked for."
    return f"The certificate of the authority is renewed on {state.renew_at:%Y-%m-%d}."
