"""Targets of copies: where they are, how they are reached, and what was tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from admin.pages.backups import BACKUPS, FROM_SETUP, refusal, start, way_back
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, Audience, Words
from appliance.jobs.kinds import DRILL, OFFSITE
from appliance.offsite.errors import (
    TargetInvalidError,
    TargetMissingError,
    TargetOfAnotherError,
)
from appliance.offsite.model import Target, TargetKind
from appliance.web import flash
from appliance.web.forms import Form, read_form
from appliance.web.paths import whole_number
from appliance.web.render import FlashKind, Frame

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
    """A target's fields; `number` is 0 for a new one. A secret is never shown again.

    `is_source`: the place is only restored from, by the holder of the steps of a restore.
    `asked_from` names the page before.
    """

    template: ClassVar[str] = "backups_target.html"

    frame: Frame
    number: int
    form: Form
    kind: str
    is_source: bool = False
    is_packaged: bool = False
    kinds: tuple[tuple[str, str], ...] = _KINDS
    longest_secret: int = LONGEST_SECRET
    error: Words | None = None

    @property
    def asked_from(self) -> str:
        """The page before, if it was the set-up."""
        return FROM_SETUP if self.form.value("from") == FROM_SETUP else ""


async def show_new(request: web.Request) -> web.Response:
    """GET /admin/backups/targets/new?kind=."""
    return show_form(request, "Add a target", new_form(request))


async def add(request: web.Request) -> web.Response:
    """POST /admin/backups/targets: the target is reached before it is kept."""
    return await _save(request, None)


async def show(request: web.Request) -> web.Response:
    """GET /admin/backups/targets/{number}."""
    target = await request.app[keys.TARGETS].kept.target(number_of(request))
    return _changing(request, target.number, Form(_values(target)), is_source=target.restores_only)


async def change(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}."""
    return await _save(request, number_of(request))


async def copy(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}/copy."""
    target = await request.app[keys.TARGETS].kept.target(number_of(request))
    return await start(request, OFFSITE.name, str(target.number))


async def drill(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}/drill."""
    target = await request.app[keys.TARGETS].kept.target(number_of(request))
    return await start(request, DRILL.name, str(target.number))


async def probe(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}/probe."""
    actor, number = permitted(request, Permission.MANAGE_BACKUPS), number_of(request)
    try:
        await request.app[keys.TARGETS].probe(actor, number)
    except ApplianceError as error:
        return refusal(error)
    return flash.redirect(BACKUPS, "The target answers. What was tried is beside it.")


async def remove(request: web.Request) -> web.Response:
    """POST /admin/backups/targets/{number}/remove."""
    actor, number = permitted(request, Permission.MANAGE_BACKUPS), number_of(request)
    try:
        target = await request.app[keys.TARGETS].remove(actor, number)
    except ApplianceError as error:
        return refusal(error)
    said = f"“{target.name}” is removed. What was copied there stays, and can be restored."
    return flash.redirect(BACKUPS, said)


async def _save(request: web.Request, number: int | None) -> web.Response:
    actor, values = permitted(request, Permission.MANAGE_BACKUPS), await read_values(request)
    asked_from = (await read_form(request)).value("from")
    back = way_back(asked_from)
    targets = request.app[keys.TARGETS]
    try:
        saved = await targets.save(actor, number, values)
    except ApplianceError as error:
        before = await targets.kept.find(number) if number else None
        is_source = before is not None and before.restores_only
        form = refused({**values, "from": asked_from}, error)
        return _changing(request, number or 0, form, error, is_source=is_source)
    if saved.restores_only:
        return flash.redirect(back, f"“{saved.name}” was reached, and is kept.")
    if (await targets.kept.state(saved.number)).prepared_at is None:
        other = TargetOfAnotherError(place=saved.place)
        said = f"“{saved.name}” is kept, but nothing is copied there. {other.message}"
        return flash.redirect(back, f"{said} {other.advice}", FlashKind.BAD)
    said = f"“{saved.name}” was reached, and is kept. The next backup is copied there."
    return flash.redirect(back, said)


def _changing(
    request: web.Request,
    number: int,
    form: Form,
    error: ApplianceError | None = None,
    *,
    is_source: bool,
) -> web.Response:
    title = "Change a target" if number else "Add a target"
    return show_form(request, title, form, error, number=number, is_source=is_source)


def new_form(request: web.Request) -> Form:
    """Return the empty form of the kind that the address names."""
    wanted = request.query.get("kind", "")
    kind = wanted if wanted in set(TargetKind) else TargetKind.FOLDER
    return Form({"kind": kind, "from": request.query.get("from", "")})


async def read_values(request: web.Request) -> dict[str, str]:
    """Return what was typed, with the secret."""
    form = await read_form(request)
    return {name: form.value(name) for name in _FIELDS}


def refused(values: Mapping[str, str], error: ApplianceError) -> Form:
    """Return the form again, with what is wrong beside its fields, and without the secret."""
    shown = Form({name: value for name, value in values.items() if name != "secret"})
    if isinstance(error, TargetInvalidError):
        for name, sentence in error.fields.items():
            shown.fail(_SHOWN_AT.get(name, name), sentence)
    return shown


def show_form(
    request: web.Request,
    title: str,
    form: Form,
    error: ApplianceError | None = None,
    *,
    number: int = 0,
    is_source: bool = False,
) -> web.Response:
    """Answer with the form; an error that no field explains is above it."""
    words = error.words_for(Audience.OPERATOR) if error and form.valid else None
    page = TargetPage(
        frame=frame(request, title, "backups"),
        number=number,
        form=form,
        kind=form.value("kind"),
        is_source=is_source,
        is_packaged=request.app[keys.SETTINGS].packaged,
        error=words,
    )
    return request.app[keys.RENDERER].page(request, page, status=error.status if error else 200)


def _values(target: Target) -> dict[str, str]:
    values = {name: str(value) for name, value in asdict(target).items() if name in _FIELDS}
    return {**values, "secret": "", "limit": str(target.limit or "")}


def number_of(request: web.Request) -> int:
    """Return the number of the target in the address. Raises TargetMissingError."""
    text = request.match_info["number"]
    number = whole_number(text)
    if number is None:
        raise TargetMissingError(number=text)
    return number
