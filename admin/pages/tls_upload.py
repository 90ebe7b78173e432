"""Upload a certificate: it is checked first, then used if the operator says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import TLS, frame
from admin.pages.tls import answer, changed, refusal
from appliance.accounts.guard import check_form, permitted
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, Words
from appliance.tls.model import CertificateFacts, facts_of
from appliance.tls.service import Checked
from appliance.tls.upload import Upload
from appliance.tls.words import sentence_of, words_of
from appliance.web import csrf, flash
from appliance.web.forms import Form, read_form
from appliance.web.multipart import read_parts
from appliance.web.render import FlashKind, Frame


@dataclass(frozen=True, slots=True)
class CheckedPage:
    """What was found; `token` uses the certificate, and is empty where an error forbids it."""

    template: ClassVar[str] = "tls_checked.html"

    frame: Frame
    facts: CertificateFacts
    errors: tuple[Words, ...]
    warnings: tuple[Words, ...]
    token: str


async def check(request: web.Request) -> web.Response:
    """POST /admin/tls/check, with files: nothing is changed, whatever is found.

    With a field `answer` the certificate answers the request of this machine.
    """
    actor = permitted(request, Permission.CHANGE_SETTINGS)
    async with request.app[keys.GUARD].arriving(request):
        parts = await read_parts(request)
    check_form(request, parts.get(csrf.FIELD, b"").decode("utf-8", "replace"))
    is_answer = "answer" in parts
    if not parts.get("certificate"):
        form = Form()
        form.fail("answer-file" if is_answer else "certificate", "Please choose a file.")
        return await answer(request, form)
    upload = Upload(
        material=parts["certificate"],
        key=parts.get("key") or None,
        password=parts.get("password", b"").decode("utf-8", "replace"),
    )
    certificates = request.app[keys.CERTIFICATES]
    try:
        judge = certificates.check_answer if is_answer else certificates.check
        checked = await judge(actor, upload)
    except ApplianceError as error:
        return await answer(request, error=error)
    return _show(request, checked, upload, is_answer=is_answer)


async def use(request: web.Request) -> web.Response:
    """POST /admin/tls/use: serve what was checked, on trial."""
    actor, form = permitted(request, Permission.CHANGE_SETTINGS), await read_form(request)
    kept = request.app[keys.CHECKED_UPLOAD].take(form.value("token"))
    if kept is None:
        said = "The file is no longer kept. Upload it again."
        return flash.redirect(TLS, said, FlashKind.BAD)
    certificates = request.app[keys.CERTIFICATES]
    try:
        change = await (certificates.answer if kept.is_answer else certificates.use)(
            actor, kept.upload
        )
    except ApplianceError as error:
        return refusal(error)
    for finding in change.findings:
        if finding.is_error and not change.changed:
            return flash.redirect(TLS, sentence_of(finding), FlashKind.BAD)
    return await changed(request, change)


def _show(
    request: web.Request, checked: Checked, upload: Upload, *, is_answer: bool
) -> web.Response:
    token = ""
    if checked.is_usable:
        token = request.app[keys.CHECKED_UPLOAD].keep(upload, is_answer=is_answer).token
    page = CheckedPage(
        frame=frame(request, "Checked certificate", "tls"),
        facts=facts_of(checked.certificate),
        errors=tuple(words_of(each) for each in checked.findings if each.is_error),
        warnings=tuple(words_of(each) for each in checked.findings if not each.is_error),
        token=token,
    )
    status = 200 if checked.is_usable else 422
    return request.app[keys.RENDERER].page(request, page, status=status)
