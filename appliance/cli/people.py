"""Verbs for people and keys: claim, rescue, user, api-key."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from uuid import UUID

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.accounts.people import People
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.actors.model import CommandLine
from appliance.actors.permissions import Role
from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_group, add_verb

_WHOSE = "whose key it is (default: the first operator)"


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
    for deed in ("invite", "lock", "unlock", "remove", "make-operator", "make-member"):
        verb = add_verb(users, shared, deed, change_user, f"{deed.replace('-', ' ')} a person")
        verb.add_argument("name", help="what the person signs in with")
        verb.set_defaults(deed=deed)
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
    async with context.database() as database:
        code = await Accounts(database, context.clock, Passwords()).new_claim_code(CommandLine())
    link = f"{await _address(context, 'console')}/admin/claim#{code.text}"
    context.output.value({"link": link, "code": code.text}, f"Open within an hour, once:\n{link}")
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
    async with context.database() as database:
        everybody = await People(database, context.clock).all(CommandLine())
    rows = [
        {
            "name": account.name,
            "displayed": account.display_name,
            "role": account.role,
            "locked": account.locked_at is not None,
            "since": account.created_at,
        }
        for account in everybody
    ]
    context.output.table(rows, "There is nobody yet. “cloister claim” prints a link.")
    return ExitCode.DONE


async def add_user(context: Context, options: argparse.Namespace) -> ExitCode:
    """Add a person and print the link with which they set a password."""
    async with context.database() as database:
        people = People(database, context.clock)
        account, code = await people.add(
            CommandLine(), options.name, options.display_name, options.role
        )
    return await _print_invitation(context, account, code.text)


async def change_user(context: Context, options: argparse.Namespace) -> ExitCode:
    """Do one thing to a person."""
    async with context.database() as database:
        actor, people = CommandLine(), People(database, context.clock)
        account = await people.by_name(options.name)
        match options.deed:
            case "invite":
                _, code = await people.invite(actor, account.id)
                return await _print_invitation(context, account, code.text)
            case "lock" | "unlock":
                await people.set_locked(actor, account.id, locked=options.deed == "lock")
            case "make-operator":
                await people.set_role(actor, account.id, Role.OPERATOR)
            case "make-member":
                await people.set_role(actor, account.id, Role.MEMBER)
            case _:
                await people.remove(actor, account.id)
    context.output.value({"name": account.name}, f"{account.name}: {options.deed} done")
    return ExitCode.DONE


async def _address(context: Context, site: str) -> str:
    """Return a site's address: only the running appliance knows its port and its web server."""
    addresses: dict[str, str] = await context.control.ask("GET", "/addresses")
    return addresses[site]


async def _print_invitation(context: Context, account: Account, code: str) -> ExitCode:
    link = f"{await _address(context, 'chat')}/password#{code}"
    text = f"Give this link to {account.name}; it works once, within seven days:\n{link}"
    context.output.value({"name": account.name, "link": link}, text)
    return ExitCode.DONE


async def create_key(context: Context, options: argparse.Namespace) -> ExitCode:
    """Make a key and print the secret, which is never shown again."""
    async with context.database() as database:
        owner = await context.person(database, options.user)
        scopes = options.scope or list(Scope)
        key, secret = await ApiKeys(database, context.clock).create(
            CommandLine(), owner, options.name, scopes, options.days
        )
    context.output.value(asdict(key) | {"key": secret.text}, secret.text)
    return ExitCode.DONE


async def list_keys(context: Context, options: argparse.Namespace) -> ExitCode:
    """Show a person's keys without their secrets."""
    async with context.database() as database:
        owner = await context.person(database, options.user)
        found = await ApiKeys(database, context.clock).mine(owner)
    rows: list[dict[str, object]] = [
        {
            "id": key.id,
            "name": key.name,
            "begins": key.prefix,
            "scopes": key.scopes,
            "expires": key.expires_at,
            "used": key.used_at,
        }
        for key in found
    ]
    context.output.table(rows, f"{owner.name} has no API keys.")
    return ExitCode.DONE


async def revoke_key(context: Context, options: argparse.Namespace) -> ExitCode:
    """Delete a key."""
    async with context.database() as database:
        owner = await context.person(database, options.user)
        await ApiKeys(database, context.clock).revoke(CommandLine(), owner, options.id)
    context.output.value({"id": options.id}, "The key no longer works.")
    return ExitCode.DONE
