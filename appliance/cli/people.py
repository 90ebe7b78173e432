"""Verbs for people and keys: claim, rescue, user, api-key."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

from appliance.accounts.model import Scope
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine
from appliance.actors.permissions import Role
from appliance.cli.confirmation import add_yes, confirmed
from appliance.cli.context import Context
from appliance.cli.errors import DeclinedError
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_group, add_verb
from appliance.web.formats import count_of, size

# The actions that ask first, and what follows from each.
_ASKS_FIRST = {
    "lock": "Locking {name} ends {sessions} and every running answer, and stops {api_keys}. "
    "{conversations} and {documents} stay for when {name} is unlocked.",
    "remove": "Removing {name} ends {sessions}, and deletes {conversations}, {api_keys} and "
    "{documents}. {shared_documents} in the shared library that {name} added will stay. "
    "This cannot be undone.",
}
_WHOSE = "whose key it is (default: the only operator)"


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add claim, rescue, user … and api-key …."""
    add_verb(verbs, shared, "claim", claim, "print a link that makes its holder an operator")
    add_verb(
        verbs, shared, "rescue", rescue, "print a code for the console while the database is down"
    )
    users = add_group(verbs, "user", "the people who may sign in")
    add_verb(users, shared, "list", list_users, "show everybody")
    add = add_verb(users, shared, "add", add_user, "add a person and print their link")
    add.add_argument("name", help="what the person signs in with")
    add.add_argument("--display-name", default="", help="what others see (default: the name)")
    add.add_argument(
        "--role", type=Role, choices=list(Role), default=Role.MEMBER, help="default: member"
    )
    invite = add_verb(users, shared, "invite", invite_user, "print a new link for a password")
    invite.add_argument("name", help="what the person signs in with")
    for action in ("lock", "unlock", "remove", "make-operator", "make-member"):
        purpose = f"{action.replace('-', ' ')} a person"
        verb = add_verb(users, shared, action, change_user, purpose)
        verb.add_argument("name", help="what the person signs in with")
        verb.set_defaults(action=action)
        if action in _ASKS_FIRST:
            add_yes(verb)
    quota = add_verb(users, shared, "quota", quota_of_user, "show or set the room for documents")
    quota.add_argument("name", help="what the person signs in with")
    quota.add_argument(
        "size", nargs="?", help="such as 5GB, or none for no limit, or default for the setting"
    )
    api_keys = add_group(verbs, "api-key", "keys with which programs act for a person")
    create = add_verb(api_keys, shared, "create", create_key, "make a key and print it once")
    create.add_argument("name", nargs="?", default="command line", help="what the list shows")
    create.add_argument("--user", help=_WHOSE)
    create.add_argument(
        "--scope",
        type=Scope,
        choices=list(Scope),
        action="append",
        help="what it is good for; may be given several times (default: everything)",
    )
    create.add_argument("--days", type=int, default=90, help="how long it works (default: 90)")
    listing = add_verb(api_keys, shared, "list", list_keys, "show a person's keys")
    listing.add_argument("--user", help=_WHOSE)
    revoke = add_verb(api_keys, shared, "revoke", revoke_key, "make a key stop working")
    revoke.add_argument("id", type=UUID, help="as the list shows it")
    revoke.add_argument("--user", help=_WHOSE)


async def claim(context: Context, _: argparse.Namespace) -> ExitCode:
    """Print a claim link; the earlier one stops working."""
    settings = context.settings
    lasts = timedelta(minutes=settings.claim_minutes)
    async with context.database() as database:
        accounts = Accounts(database, context.clock, Passwords(), claim_lasts=lasts)
        code = await accounts.new_claim_code(CommandLine())
    link = f"{await _address(context, 'console')}/admin/claim#{code.text}"
    until, minutes = code.expires_at.astimezone(), count_of(settings.claim_minutes, "minute")
    text = f"Open until {until:%H:%M}, that is within {minutes}, once:\n{link}"
    fingerprint = (await context.control.ask("GET", "/fingerprint"))["fingerprint"]
    if fingerprint:
        text += f"\nThe page shows the fingerprint of the certificate (SHA-256):\n{fingerprint}"
    answer = {"link": link, "code": code.text, "until": code.expires_at}
    context.output.value(answer | {"fingerprint": fingerprint}, text)
    return ExitCode.DONE


async def rescue(context: Context, _: argparse.Namespace) -> ExitCode:
    """Print a code that opens the console without the database."""
    answer = await context.control.ask("POST", "/rescue")
    address = f"{await _address(context, 'console')}/admin/rescue"
    text = f"Within 15 minutes, once, at {address}:\n{answer['code']}"
    context.output.value(answer | {"address": address}, text)
    return ExitCode.DONE


async def list_users(context: Context, _: argparse.Namespace) -> ExitCode:
    """Show everybody."""
    rows = [
        person | {"since": datetime.fromisoformat(person["since"])}
        for person in await context.control.ask("GET", "/people")
    ]
    context.output.table(rows, "There are no accounts yet. “cloister claim” prints a link.")
    return ExitCode.DONE


async def add_user(context: Context, options: argparse.Namespace) -> ExitCode:
    """Add a person and print the link with which they set a password."""
    body = {
        "name": options.name,
        "display_name": options.display_name,
        "role": options.role,
    }
    return await _print_invitation(context, await context.control.ask("POST", "/people", body=body))


async def invite_user(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print a new link with which a person sets a password."""
    path = f"/people/{quote(options.name, safe='')}/invite"
    return await _print_invitation(context, await context.control.ask("POST", path))


async def change_user(context: Context, options: argparse.Namespace) -> ExitCode:
    """Do one thing to a person; what is hard to undo is asked first."""
    person = f"/people/{quote(options.name, safe='')}"
    if options.action in _ASKS_FIRST:
        belongings = await context.control.ask("GET", f"{person}/belongings")
        if not confirmed(options, _consequences(options.action, belongings)):
            raise DeclinedError
    path = f"{person}/{options.action}"
    answer = await context.control.ask("POST", path)
    context.output.value(answer, f"{answer['name']}: {options.action} done")
    return ExitCode.DONE


async def quota_of_user(context: Context, options: argparse.Namespace) -> ExitCode:
    """Show what a person's documents take and may take, after changing it if a size is given."""
    path = f"/people/{quote(options.name, safe='')}/quota"
    if options.size is None:
        answer = await context.control.ask("GET", path)
    else:
        answer = await context.control.ask("POST", path, body={"quota": options.size})
    limit = "no limit" if answer["limit"] is None else size(answer["limit"])
    text = f"{answer['name']}: {size(answer['used'])} of {limit} (quota: {answer['quota']})"
    context.output.value(answer, text)
    return ExitCode.DONE


def _consequences(action: str, belongings: dict[str, Any]) -> str:
    return _ASKS_FIRST[action].format(
        name=belongings["name"],
        api_keys=count_of(belongings["api_keys"], "API key"),
        conversations=count_of(belongings["conversations"], "conversation"),
        documents=count_of(belongings["documents"], "private document"),
        shared_documents=count_of(belongings["shared_documents"], "document"),
        sessions=count_of(belongings["sessions"], "session"),
    )


async def _address(context: Context, site: str) -> str:
    """Return a site's address: only the running appliance knows its port and its web server."""
    addresses: dict[str, str] = await context.control.ask("GET", "/addresses")
    return addresses[site]


async def _print_invitation(context: Context, person: dict[str, str]) -> ExitCode:
    link = f"{await _address(context, 'chat')}/password#{person['code']}"
    text = f"Give this link to {person['name']}; it works once, within seven days:\n{link}"
    context.output.value({"name": person["name"], "link": link}, text)
    return ExitCode.DONE


async def create_key(context: Context, options: argparse.Namespace) -> ExitCode:
    """Make a key and print the secret, which is never shown again."""
    body = {
        "name": options.name,
        "scopes": options.scope or list(Scope),
        "days": options.days,
    }
    key = await context.control.ask("POST", "/api-keys", params=_owner(options), body=body)
    context.output.value(key, key["key"])
    return ExitCode.DONE


async def list_keys(context: Context, options: argparse.Namespace) -> ExitCode:
    """Show a person's keys without their secrets."""
    answer = await context.control.ask("GET", "/api-keys", params=_owner(options))
    rows = [
        key | {"expires": _time(key["expires"]), "used": _time(key["used"])}
        for key in answer["keys"]
    ]
    context.output.table(rows, f"{answer['user']} has no API keys.")
    return ExitCode.DONE


async def revoke_key(context: Context, options: argparse.Namespace) -> ExitCode:
    """Delete a key."""
    await context.control.ask("DELETE", f"/api-keys/{options.id}", params=_owner(options))
    context.output.value({"id": options.id}, "The key no longer works.")
    return ExitCode.DONE


def _owner(options: argparse.Namespace) -> dict[str, str]:
    return {"user": options.user} if options.user else {}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
