"""The API keys of one person, without their secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.frame import frame
from appliance.accounts.guard import permitted
from appliance.accounts.model import Account, ApiKey
from appliance.actors.permissions import Permission
from appliance.web import flash
from appliance.web.paths import identifier
from appliance.web.render import Frame


@dataclass(frozen=True, slots=True)
class PersonKeysPage:
    """A person's keys, newest first."""

    template: ClassVar[str] = "person_keys.html"

    frame: Frame
    owner: Account
    api_keys: list[ApiKey]


async def show_keys(request: web.Request) -> web.Response:
    """GET /admin/people/{id}/keys."""
    actor = permitted(request, Permission.MANAGE_PEOPLE)
    ask, service = request.app[keys.BREAKER].ask, request.app[keys.API_KEYS]
    owner, api_keys = await ask(lambda: service.of_person(actor, identifier(request)))
    page = PersonKeysPage(frame(request, "API keys", "people"), owner, api_keys)
    return request.app[keys.RENDERER].page(request, page)


async def revoke_key(request: web.Request) -> web.Response:
    """POST /admin/people/{id}/keys/{key}/revoke."""
    actor, service = permitted(request, Permission.MANAGE_PEOPLE), request.app[keys.API_KEYS]
    owner, _ = await service.of_person(actor, identifier(request))
    await service.revoke(actor, owner, identifier(request, "key"))
    return flash.redirect(f"/admin/people/{owner.id}/keys", "The key no longer works.")
