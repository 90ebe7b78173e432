"""Targets of copies: where they are, how they are reached, and what was tried."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from admin.pages.backups import BACKUPS, refusal, start
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, Audience, Words
from appliance.jobs.kinds import DRILL, OFFSITE
from appliance.offsite.errors import TargetInvalidError, TargetMissingError
from appliance.offsite.model import Target, TargetKind
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.paths import whole_number
from appliance.web.render import Frame

LONGEST_SECRET = 16 * 1024
_FIELDS = (
    "name", "kind", "place", "user", "secret", "identity", "region", "limit", "opens", "closes",
)  # fmt: skip
# In the page an address of S3 is one field.
_SHOWN_AT = {"endpoint": "place", "bucket": "place", "prefix": "place"}
_KINDS = (
    (TargetKind.FOLDER, "A folder or a mounted disk"),
    (TargetKind.SFTP, "SFTP"),
    (TargetKind.REST, "A restic rest-server"),
    (TargetKind.S3, "S3-compatible storage"),
)


@dataclass(frozen=True, slots=True)
class TargetPage:
    """A target's fields; `number` is 0 for a new one. A secret is never shown again."""

    template: ClassVar[str] = "backups_target.html"

    frame: Frame
    number: int
    form: Form
    kind: str
    kinds: tuple[tuple[str, str], ...] = _KINDS
    longest_secret: int = LONGEST_SECRET
    error: Words | None = None


async def show_new(request: web.Request) -> web.Response:
    """GET /admin/backups/targets/new?kind=."""
    wanted = request.query.get("kind", "")
    kind = wanted if wanted in set(TargetKind) else TargetKind.FOLDER
    return _answer(request, 0, Form({"kind": kind}))


async def add(request: web.Request) -> web.Response:
    """POST /admin/backups/targets: the target is reached before it is kept."""
    return await _save(request, None)


async def show(request: web.Request) -> web.Response:
    """GET /admin/backups/targets/{number}."""
    target = await request.app[keys.TARGETS].kept.target(_number(request))
    return _answer(request, target.number, Form(_values(target)))


async def change(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}."""
    return await _save(request, _number(request))


async def copy(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}/copy."""
    target = await request.app[keys.TARGETS].kept.target(_number(request))
    return await start(request, OFFSITE.name, str(target.number))


async def drill(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}/drill."""
    target = await request.app[keys.TARGETS].kept.target(_number(request))
    return await start(request, DRILL.name, str(target.number))


async def probe(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}/probe."""
    actor, number = permitted(request, Permission.MANAGE_BACKUPS), _number(request)
    try:
        await request.app[keys.TARGETS].probe(actor, number)
    except ApplianceError as error:
        return refusal(error)
    return flash.redirect(BACKUPS, "The target answers. What was tried is beside it.")


async def remove(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}/remove."""
    actor, number = permitted(request, Permission.MANAGE_BACKUPS), _number(request)
    try:
        target = await request.app[keys.TARGETS].remove(actor, number)
    except ApplianceError as error:
        return refusal(error)
    said = f"“{target.name}” is removed. What was copied there stays, and can be restored."
    return flash.redirect(BACKUPS, said)


async def _save(request: web.Request, number: int | None) -> web.Response:
    actor, form = permitted(request, Permission.MANAGE_BACKUPS), await read_form(request)
    # The secret leaves the form, so that no page shows it again.
    values = {name: form.value(name) for name in _FIELDS}
    shown = Form({name: value for name, value in values.items() if name != "secret"})
    try:
        saved = await request.app[keys.TARGETS].save(actor, number, values)
    except TargetInvalidError as error:
        for name, sentence in error.fields.items():
            shown.fail(_SHOWN_AT.get(name, name), sentence)
        return _answer(request, number or 0, shown, status=422)
    except ApplianceError as error:
        return _answer(request, number or 0, shown, error)
    said = f"“{saved.name}” was reached, and is kept. The next backup is copied there."
    return flash.redirect(BACKUPS, said)


def _answer(
    request: web.Request,
    number: int,
    form: Form,
    error: ApplianceError | None = None,
    status: int = 200,
) -> web.Response:
    title = "Change a target" if number else "Add a target"
    page = TargetPage(
        frame=frame(request, title, "backups"),
        number=number,
        form=form,
        kind=form.value("kind"),
        error=error.words_for(Audience.OPERATOR) if error else None,
    )
    return request.app[keys.RENDERER].page(request, page, status=error.status if error else status)


def _values(target: Target) -> dict[str, str]:
    values = {name: str(value) for name, value in asdict(target).items() if name in _FIELDS}
    return {**values, "secret": "", "limit": str(target.limit or "")}


def _number(request: web.Request) -> int:
    text = request.match_info["number"]
    number = whole_number(text)
    if number is None:
        raise TargetMissingError(number=text)
    return number
