"""The recovery key: make it, print it, type it back, and prove it again each quarter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from aiohttp import web
from markupsafe import Markup

from admin import keys
from admin.frame import frame
from admin.pages.backups import way_back
from admin.qr_code import qr_code
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.backup_plan.facts import BackupFacts, read_facts
from appliance.backup_plan.keys import Sheet, plain
from appliance.core.errors import ApplianceError, Audience, Words
from appliance.repository.key_files import KeyFile
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.render import Frame

KEY = "/admin/backups/key"
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key, and how many sets it opens; a key that was replaced opens none."""

    fingerprint: str
    holder: str
    since: datetime | None
    opens: str


@dataclass(frozen=True, slots=True)
class KeyPage:
    """The steps of making a key, and the map of keys. `asked_from` names the page before."""

    template: ClassVar[str] = "backups_key.html"

    frame: Frame
    facts: BackupFacts
    key: KeyFile | None
    is_proven: bool
    rows: tuple[KeyRow, ...]
    form: Form
    asked_from: str
    back: str
    error: Words | None = None


@dataclass(frozen=True, slots=True)
class SheetPage:
    """The sheet, once. `codes` are drawings of what a camera can read."""

    template: ClassVar[str] = "backups_sheet.html"

    frame: Frame
    sheet: Sheet
    groups: tuple[str, ...]
    key_file: str
    config: str
    key_code: Markup
    file_code: Markup
    config_code: Markup
    asked_from: str


async def show_key(request: web.Request) -> web.Response:
    """GET /admin/backups/key."""
    return await _answer(request, Form({"from": request.query.get("from", "")}))


async def make(request: web.Request) -> web.Response:
    """POST /admin/backups/key/make: the answer is the sheet, which is not shown again."""
    actor, form = permitted(request, Permission.MANAGE_BACKUPS), await read_form(request)
    try:
        sheet = await request.app[keys.RECOVERY_KEYS].make(actor)
    except ApplianceError as error:
        return await _answer(request, form, error)
    page = SheetPage(
        frame=frame(request, "Recovery sheet", "backups"),
        sheet=sheet,
        groups=tuple(sheet.key.split("-")),
        key_file=plain(sheet.key_file),
        config=plain(sheet.config),
        key_code=qr_code(sheet.key),
        file_code=qr_code(plain(sheet.key_file)),
        config_code=qr_code(sheet.config),
        asked_from=form.value("from"),
    )
    return request.app[keys.RENDERER].page(request, page)


async def prove(request: web.Request) -> web.Response:
    """POST /admin/backups/key/prove."""
    actor, form = permitted(request, Permission.MANAGE_BACKUPS), await read_form(request)
    typed = form.secret("key", maximum=_LONGEST_KEY)
    if not form.valid:
        return await _answer(request, form, status=422)
    try:
        proof = await request.app[keys.RECOVERY_KEYS].prove(actor, typed)
    except ApplianceError as error:
        return await _answer(request, form, error)
    said = f"The recovery key {proof.fingerprint} opened the backups. Keep its sheet elsewhere."
    return flash.redirect(way_back(form.value("from")), said)


async def _answer(
    request: web.Request, form: Form, error: ApplianceError | None = None, status: int = 200
) -> web.Response:
    facts = await read_facts(request.app[keys.SETTINGS])
    page = KeyPage(
        frame=frame(request, "Recovery key", "backups"),
        facts=facts,
        key=facts.catalog.recovery_key if facts.catalog else None,
        is_proven=facts.key_is_proven,
        rows=_rows(facts),
        form=form,
        asked_from=form.value("from"),
        back=way_back(form.value("from")),
        error=error.words_for(Audience.OPERATOR) if error else None,
    )
    return request.app[keys.RENDERER].page(request, page, status=error.status if error else status)


def _rows(facts: BackupFacts) -> tuple[KeyRow, ...]:
    if facts.catalog is None:
        return ()
    count = len(facts.catalog.sets)
    opens = "each set" if count != 1 else "the set"
    present = [
        KeyRow(key.fingerprint or "not printed", _holder(key), key.created_at, opens)
        for key in facts.catalog.keys
    ]
    known = {key.fingerprint for key in facts.catalog.keys}
    retired = {name for key in facts.catalog.keys for name in key.retired} - known
    return (
        *present,
        *(KeyRow(name, "an earlier sheet", None, "none: replaced") for name in sorted(retired)),
    )


def _holder(key: KeyFile) -> str:
    return "your sheet" if key.is_recovery else "this machine"
