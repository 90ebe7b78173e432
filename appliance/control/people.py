"""People, and the API keys with which programs act for them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from appliance.accounts.model import Account, ApiKey, Scope
from appliance.actors.model import CommandLine
from appliance.actors.permissions import Role
from appliance.control.body import choice, choices, number, read, text
from appliance.control.keys import API_KEYS, PEOPLE
from appliance.web.paths import identifier

COMMAND_LINE = CommandLine()


async def people(request: web.Request) -> web.Response:
    """GET /people."""
    everybody = await request.app[PEOPLE].all(COMMAND_LINE)
    return web.json_response([_person(account) for account in everybody])


async def person(request: web.Request) -> web.Response:
    """GET /person?user=: the person for whom the command line acts."""
    return web.json_response(_person(await _owner(request)))


async def add(request: web.Request) -> web.Response:
    """POST /people `{"name", "display_name", "role"}`: the person, and a code for a password."""
    body = await read(request)
    name, display_name = text(body, "name"), text(body, "display_name")
    account, code = await request.app[PEOPLE].add(
        COMMAND_LINE, name, display_name, choice(body, "role", Role)
    )
    return web.json_response(_person(account) | {"code": code.text})


async def invite(request: web.Request) -> web.Response:
    """POST /people/{name}/invite: the person, and a new code for a password."""
    service = request.app[PEOPLE]
    account = await service.by_name(request.match_info["name"])
    _, code = await service.invite(COMMAND_LINE, account.id)
    return web.json_response(_person(account) | {"code": code.text})


async def change(request: web.Request) -> web.Response:
    """POST /people/{name}/{lock|unlock|make-operator|make-member|remove}."""
    service = request.app[PEOPLE]
    account = await service.by_name(request.match_info["name"])
    match request.match_info["action"]:
        case "lock" | "unlock" as action:
            await service.set_locked(COMMAND_LINE, account.id, locked=action == "lock")
        case "make-operator":
            await service.set_role(COMMAND_LINE, account.id, Role.OPERATOR)
        case "make-member":
            await service.set_role(COMMAND_LINE, account.id, Role.MEMBER)
        case _:
            await service.remove(COMMAND_LINE, account.id)
    return web.json_response({"name": account.name})


async def belongings(request: web.Request) -> web.Response:
    """GET /people/{name}/belongings: how much is a person's alone, and what stays of them."""
    service = request.app[PEOPLE]
    account = await service.by_name(request.match_info["name"])
    found = await service.belongings(COMMAND_LINE, account.id)
    counts = asdict(found)
    del counts["account_id"]
    return web.json_response({"name": account.name} | counts)


async def api_keys(request: web.Request) -> web.Response:
    """GET /api-keys?user=: a person's keys without their secrets."""
    owner = await _owner(request)
    found = await request.app[API_KEYS].mine(owner)
    return web.json_response({"user": owner.name, "keys": [_key(key) for key in found]})


async def create_api_key(request: web.Request) -> web.Response:
    """POST /api-keys?user= `{"name", "scopes", "days"}`: the key with its secret."""
    owner, body = await _owner(request), await read(request)
    name, scopes = text(body, "name"), choices(body, "scopes", Scope)
    key, secret = await request.app[API_KEYS].create(
        COMMAND_LINE, owner, name, scopes, number(body, "days")
    )
    return web.json_response(_key(key) | {"key": secret.text})


async def revoke_api_key(request: web.Request) -> web.Response:
    """DELETE /api-keys/{id}?user=."""
    owner = await _owner(request)
    await request.app[API_KEYS].revoke(COMMAND_LINE, owner, identifier(request))
    return web.json_response({})


async def _owner(request: web.Request) -> Account:
    return await request.app[PEOPLE].named_or_only_operator(request.query.get("user"))


def _person(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "displayed": account.display_name,
        "role": account.role,
        "locked": account.locked_at is not None,
        "since": account.created_at.isoformat(),
    }


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "name": key.name,
        "begins": key.prefix,
        "scopes": [str(scope) for scope in key.scopes],
        "expires": key.expires_at.isoformat(),
        "used": key.used_at.isoformat() if key.used_at else None,
    }
