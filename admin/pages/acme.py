"""Certificates from an authority: what is set up, how its runs went, and the form for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from appliance.accounts.guard import permitted
from appliance.acme.entry import BINDING_FIELDS, FIELDS
from appliance.acme.errors import AcmeInvalidError, TermsChangedError, TermsNotAcceptedError
from appliance.acme.hook import NAME as HOOK_NAME
from appliance.acme.model import LETS_ENCRYPT, AcmePlan, ChallengeKind
from appliance.acme.service import AcmeStatus
from appliance.acme.words import advice_of, sentence_of
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, Audience, Words
from appliance.jobs.errors import JobRunningError
from appliance.jobs.kinds import ACME
from appliance.operations.errors import OperationError
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.render import FlashKind, Frame

PAGE = "/admin/tls/acme"
_JOBS = f"/admin/jobs?kind={ACME.name}"
_TERMS = {TermsNotAcceptedError.code, TermsChangedError.code}
_SELDOM = ("root", "staging", *BINDING_FIELDS)
_CHALLENGES = (
    (ChallengeKind.HTTP, "HTTP-01: asked on port 80"),
    (ChallengeKind.DNS, "DNS-01: a record"),
)


@dataclass(frozen=True, slots=True)
class AcmePage:
    """`terms` is the address of terms that have to be accepted; `failed` is about single names.

    `hooks` are the programs that can be chosen. A secret is never shown again.
    """

    template: ClassVar[str] = "acme.html"

    frame: Frame
    status: AcmeStatus
    form: Form
    failed: tuple[Words, ...]
    hooks: tuple[str, ...]
    folder: Path
    terms: str = ""
    error: Words | None = None
    challenges: tuple[tuple[str, str], ...] = _CHALLENGES

    @property
    def has_own(self) -> bool:
        """Whether a field that few need holds something, or is wrong."""
        return any(self.form.value(name) or self.form.error(name) for name in _SELDOM)


async def show_acme(request: web.Request) -> web.Response:
    """GET /admin/tls/acme."""
    status = await request.app[keys.ACME].status()
    return await _answer(request, Form(_values(status.plan)))


async def set_up(request: web.Request) -> web.Response:
    """POST /admin/tls/acme: the authority makes an account before anything is kept."""
    actor, form = permitted(request, Permission.CHANGE_SETTINGS), await read_form(request)
    typed = {name: form.value(name) for name in (*FIELDS, *BINDING_FIELDS)}
    if not form.value("accepts"):
        typed["terms"] = ""
    try:
        await request.app[keys.ACME].use(actor, typed)
    except ApplianceError as error:
        return await _refused(request, typed, error)
    try:
        job = await request.app[keys.JOBS].start(actor, ACME.name)
    except JobRunningError:
        # The schedule was faster.
        return flash.redirect(_JOBS)
    return flash.redirect(f"/admin/jobs/{job.id}", "The authority has made an account.")


async def renew(request: web.Request) -> web.Response:
    """POST /admin/tls/acme/renew."""
    actor = permitted(request, Permission.CHANGE_SETTINGS)
    try:
        job = await request.app[keys.JOBS].start(actor, ACME.name)
    except JobRunningError as error:
        return flash.redirect(PAGE, f"{error.message} {error.advice}", FlashKind.BAD)
    return flash.redirect(f"/admin/jobs/{job.id}")


async def switch_off(request: web.Request) -> web.Response:
    """POST /admin/tls/acme/off."""
    actor = permitted(request, Permission.CHANGE_SETTINGS)
    try:
        await request.app[keys.ACME].off(actor)
    except ApplianceError as error:
        return flash.redirect(PAGE, f"{error.message} {error.advice}", FlashKind.BAD)
    said = "No certificates are asked for any more. The one in use stays until it ends."
    return flash.redirect(PAGE, said)


async def _refused(
    request: web.Request, typed: Mapping[str, str], error: ApplianceError
) -> web.Response:
    """Show the form again: with terms to accept, or with what is wrong."""
    # Neither the secret nor the agreement to terms is kept in a page.
    form = Form({name: value for name, value in typed.items() if name != "secret"})
    terms = ""
    if isinstance(error, AcmeInvalidError):
        for name, sentence in error.fields.items():
            form.fail(name, sentence)
    elif isinstance(error, OperationError) and error.result.code in _TERMS:
        terms = str(error.result.facts.get("terms", ""))
    words = error.words_for(Audience.OPERATOR) if form.valid and not terms else None
    return await _answer(request, form, terms=terms, error=words, code=error.status)


async def _answer(
    request: web.Request,
    form: Form,
    *,
    terms: str = "",
    error: Words | None = None,
    code: int = 200,
) -> web.Response:
    status = await request.app[keys.ACME].status()
    folder = request.app[keys.SETTINGS].acme_hooks
    page = AcmePage(
        frame=frame(request, "Certificates from an authority", "settings"),
        status=status,
        form=form,
        failed=tuple(Words(sentence_of(one), advice_of(one)) for one in status.state.failed),
        hooks=await asyncio.to_thread(_programs, folder),
        folder=folder,
        terms=terms,
        error=error,
    )
    return request.app[keys.RENDERER].page(request, page, status=code)


def _values(plan: AcmePlan | None) -> dict[str, str]:
    if plan is None:
        return {"directory": LETS_ENCRYPT, "challenge": ChallengeKind.HTTP}
    return {
        "directory": plan.directory,
        "staging": plan.staging,
        "contact": " ".join(plan.contact),
        "challenge": plan.challenge,
        "names": " ".join(plan.names),
        "hook": plan.hook,
        "root": plan.root,
    }


def _programs(folder: Path) -> tuple[str, ...]:
    try:
        names = [path.name for path in folder.iterdir() if path.is_file()]
    except OSError:
        return ()
    return tuple(sorted(name for name in names if HOOK_NAME.fullmatch(name)))
