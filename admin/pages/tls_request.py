"""A request to another authority: the key is made on the machine, and stays there."""

from __future__ import annotations

from aiohttp import web

from admin import keys
from admin.frame import TLS
from admin.pages.tls import answer
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, NotFoundError
from appliance.tls.errors import NameInvalidError, NamesMissingError, TooManyNamesError
from appliance.tls.folder import Purpose
from appliance.tls.model import KeyKind
from appliance.tls.request import LONGEST_ORGANISATION, MOST_NAMES, requested_names
from appliance.web import flash
from appliance.web.forms import Form, read_form

_LONGEST_NAMES = MOST_NAMES * 256
_FILE = "cloister-request.pem"


async def make(request: web.Request) -> web.Response:
    """POST /admin/tls/request."""
    actor, form = permitted(request, Permission.CHANGE_SETTINGS), await read_form(request)
    kind = form.choice("kind", [each.value for each in KeyKind])
    organisation = form.text("organisation", minimum=0, maximum=LONGEST_ORGANISATION)
    names = _names(form)
    if not form.valid:
        return await answer(request, form)
    try:
        await request.app[keys.CERTIFICATES].request(actor, KeyKind(kind), names, organisation)
    except ApplianceError as error:
        return await answer(request, form, error)
    said = "The key is made. Download the request, and send it to your authority."
    return flash.redirect(f"{TLS}#request", said)


async def download(request: web.Request) -> web.Response:
    """GET /admin/tls/request.pem: the request that waits for its certificate."""
    published = await request.app[keys.CERTIFICATES].published()
    waiting = published.requests.get(Purpose.OPERATOR)
    if waiting is None:
        raise NotFoundError(what="request")
    disposition = {"Content-Disposition": f'attachment; filename="{_FILE}"'}
    return web.Response(body=waiting, content_type="application/x-pem-file", headers=disposition)


def _names(form: Form) -> tuple[str, ...]:
    """Return the names that were typed; a wrong one is marked in the form."""
    typed = form.text("names", maximum=_LONGEST_NAMES).replace(",", " ").split()
    if not form.valid:
        return ()
    try:
        return requested_names(typed)
    except (NameInvalidError, NamesMissingError, TooManyNamesError) as error:
        form.fail("names", f"{error.message} {error.advice}")
        return ()
