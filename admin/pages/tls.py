"""The certificate of the web server: what is served, what was, and how another one comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import TLS, frame
from admin.pages.tls_root import RootCard, root_card
from appliance.accounts.guard import permitted
from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, Audience, Words
from appliance.operations.errors import OperationError
from appliance.tls.folder import Purpose, Stored
from appliance.tls.model import CertificateFacts, KeyKind, Origin, facts_of
from appliance.tls.names import LOOPBACK, covers
from appliance.tls.request import names_in
from appliance.tls.service import Certificates, Change
from appliance.web import flash
from appliance.web.forms import Form
from appliance.web.render import FlashKind, Frame

KINDS = (
    (KeyKind.ECDSA_P256, "ECDSA P-256: fast, and known to every browser in use"),
    (KeyKind.RSA_3072, "RSA 3072: for authorities that sign no other"),
)
_EXPIRES_SOON = timedelta(days=30)
_ORIGINS = {
    Origin.OWN_AUTHORITY: "Made by this machine's own authority, and renewed by itself",
    Origin.UPLOADED: "Uploaded by an operator",
    Origin.REQUESTED: "Signed on a request of this machine",
    Origin.ACME: "Fetched with ACME, and renewed by itself",
}


@dataclass(frozen=True, slots=True)
class CertificateCard:
    """A certificate; `missing` are names of this machine that it does not cover."""

    facts: CertificateFacts
    origin: str
    state: str
    tone: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsPage:
    """`is_on`: the machine has TLS; `is_own`: its own authority made what is served.

    `seconds` is the time that a certificate on trial has left; None without a trial.

    `is_stale`: Nginx serves another certificate than the one that is kept.
    """

    template: ClassVar[str] = "tls.html"

    frame: Frame
    is_on: bool
    is_own: bool
    served: CertificateCard | None
    previous: CertificateCard | None
    is_stale: bool
    seconds: int | None
    waiting: tuple[str, ...]
    root: RootCard | None
    form: Form
    kinds: tuple[tuple[str, str], ...] = KINDS
    error: Words | None = None


async def show_tls(request: web.Request) -> web.Response:
    """GET /admin/tls."""
    return await answer(request)


async def use_own(request: web.Request) -> web.Response:
    """POST /admin/tls/own: a new certificate of the machine's own authority, on trial."""
    return await _change(request, Certificates.use_own)


async def roll_back(request: web.Request) -> web.Response:
    """POST /admin/tls/rollback: undo the trial, or serve the previous certificate, on trial."""
    return await _change(request, Certificates.roll_back)


async def confirm(request: web.Request) -> web.Response:
    """POST /admin/tls/confirm: the browser has reached the machine, so the certificate stays."""
    actor = permitted(request, Permission.CHANGE_SETTINGS)
    try:
        trial = await request.app[keys.CERTIFICATES].confirm(actor)
    except ApplianceError as error:
        return refusal(error)
    if trial is None:
        return flash.redirect(TLS, "No certificate is on trial.", FlashKind.NOTE)
    return flash.redirect(TLS, "The certificate is confirmed, and stays.")


async def _change(
    request: web.Request, work: Callable[[Certificates, Actor], Awaitable[Change]]
) -> web.Response:
    actor = permitted(request, Permission.CHANGE_SETTINGS)
    try:
        change = await work(request.app[keys.CERTIFICATES], actor)
    except ApplianceError as error:
        return refusal(error)
    return await changed(request, change)


async def changed(request: web.Request, change: Change) -> web.Response:
    """Answer a change. One on trial is answered at once, without another address.

    This answer comes over a connection that was open before. Only the next one shows whether the
    browser accepts the new certificate, and the page says so before that.
    """
    if change.trial is not None:
        return await answer(request)
    said = "The previous certificate is back." if change.changed else "Nothing was changed."
    return flash.redirect(TLS, said, FlashKind.NOTE)


def refusal(error: ApplianceError) -> web.Response:
    """Go back to the page, and say there why nothing was changed."""
    words = error.words_for(Audience.OPERATOR)
    return flash.redirect(TLS, f"{words.sentence} {words.hint}", FlashKind.BAD)


async def answer(
    request: web.Request, form: Form | None = None, error: ApplianceError | None = None
) -> web.Response:
    """Answer with the page; `form` has what was typed, with its errors."""
    page = await _page(request, form, error)
    return request.app[keys.RENDERER].page(
        request, page, status=_status(page, error), refusal=error
    )


def _status(page: TlsPage, error: ApplianceError | None) -> HTTPStatus:
    match error:
        case None:
            return HTTPStatus.OK if page.form.valid else HTTPStatus.UNPROCESSABLE_ENTITY
        case OperationError():
            # The operation has judged what came in the form, and works.
            return HTTPStatus.UNPROCESSABLE_ENTITY
        case _:
            return error.status


async def _page(request: web.Request, form: Form | None, error: ApplianceError | None) -> TlsPage:
    certificates, settings = request.app[keys.CERTIFICATES], request.app[keys.SETTINGS]
    published, kept = await certificates.published(), None
    now = request.app[keys.CLOCK].now()
    if published.served is not None:
        is_own = published.served.origin is Origin.OWN_AUTHORITY
        # Other authorities certify no addresses, and no names of the house.
        wanted = await certificates.names() if is_own else certificates.default_names()
        kept = card_of(published.served, now, wanted)
    served = await certificates.served()
    waiting = published.requests.get(Purpose.OPERATOR)
    seconds, around = _seconds_left(certificates), frame(request, "Certificate", "tls")
    return TlsPage(
        # The page says by itself that a certificate is on trial.
        frame=around if seconds is None else replace(around, trial=None),
        is_on=settings.https,
        is_own=published.served is not None and published.served.origin is Origin.OWN_AUTHORITY,
        served=kept,
        previous=card_of(published.previous, now) if published.previous else None,
        is_stale=kept is not None and served not in {None, kept.facts.fingerprint},
        seconds=seconds,
        waiting=names_in(waiting) if waiting else (),
        root=await root_card(settings, published.authority) if published.authority else None,
        form=form or Form({"names": "\n".join(_requestable(certificates))}),
        error=error.words_for(Audience.OPERATOR) if error else None,
    )


def card_of(stored: Stored, now: datetime, names: tuple[str, ...] = ()) -> CertificateCard:
    """Return a certificate as the page shows it, for a machine with these names."""
    facts = facts_of(stored.pair.certificate)
    state, tone = _state(facts, now)
    missing = tuple(
        name
        for name in names
        if name not in LOOPBACK and not any(covers(each, name) for each in facts.names)
    )
    return CertificateCard(facts, _ORIGINS[stored.origin], state, tone, missing)


def _state(facts: CertificateFacts, now: datetime) -> tuple[str, str]:
    """Return the word for the dates of a certificate, and its tone."""
    if facts.not_after <= now:
        return "expired", "bad"
    if facts.not_before > now:
        return "not valid yet", "bad"
    is_late = facts.not_after - now < min(_EXPIRES_SOON, (facts.not_after - facts.not_before) / 3)
    return ("expires soon", "warn") if is_late else ("valid", "good")


def _requestable(certificates: Certificates) -> tuple[str, ...]:
    return tuple(name for name in certificates.default_names() if name not in LOOPBACK)


def _seconds_left(certificates: Certificates) -> int | None:
    return None if certificates.on_trial() is None else certificates.trials.seconds_left()
