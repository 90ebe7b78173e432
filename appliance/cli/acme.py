"""Verbs for certificates from an authority: tls acme show, look, use, renew and off."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.acme.model import ChallengeKind
from appliance.cli.confirmation import add_yes, confirmed
from appliance.cli.connection import PATIENT
from appliance.cli.context import Context
from appliance.cli.errors import DeclinedError
from appliance.cli.output import ExitCode
from appliance.cli.queued_job import print_job
from appliance.cli.recovery_key import read_secret, read_text
from appliance.cli.verbs import Verbs, add_group, add_verb

_LARGEST_ROOT = 64 * 1024
_OFF = "No certificates are asked for any more, and the accounts at the authority are forgotten."

# What the control socket answers.
Answer = Mapping[str, Any]


def add_acme_verbs(group: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add acme show, look, use, renew and off to the verbs of `tls`."""
    acme = add_group(group, "acme", "certificates from an authority that speaks ACME")
    add_verb(acme, shared, "show", show, "show what is set up, how it went, and what is next")
    see = add_verb(acme, shared, "look", look, "ask an authority for its terms")
    use = add_verb(acme, shared, "use", set_up, "set an authority up, and ask it for a certificate")
    for verb in (see, use):
        verb.add_argument("directory", help="the address of its directory")
        verb.add_argument(
            "--root-file", metavar="FILE", help="the root of an authority of your own, as PEM"
        )
        verb.set_defaults(prepare=_read_files, key_file=None)
    use.add_argument("--accept-terms", metavar="URL", help="the address of its terms, as agreement")
    use.add_argument(
        "--contact", action="append", metavar="MAIL", help="where it may write to; may come again"
    )
    use.add_argument(
        "--challenge",
        choices=list(ChallengeKind),
        default=ChallengeKind.HTTP,
        help="how names are proved",
    )
    use.add_argument(
        "--name", action="append", help="a name for the certificate (default: those in use)"
    )
    use.add_argument("--hook", help="the program that publishes records, for dns-01")
    use.add_argument("--staging", metavar="URL", help="the directory of a server for rehearsals")
    use.add_argument("--key-id", help="the key identifier that the authority gave its customer")
    use.add_argument(
        "--key-file", metavar="FILE", help="read the key that goes with it from a file, or from -"
    )
    renew = add_verb(acme, shared, "renew", ask_now, "ask for a certificate now")
    renew.add_argument("--wait", action="store_true", help="wait until it has ended")
    off = add_verb(acme, shared, "off", switch_off, "ask for no certificates any more")
    add_yes(off)


def _read_files(options: argparse.Namespace) -> None:
    """Read the files with the caller's own rights: they may belong to root."""
    root = options.root_file
    options.root = read_text(Path(root), _LARGEST_ROOT) if root else ""
    options.secret = read_secret(options.key_file) if options.key_file else ""


async def show(context: Context, _: argparse.Namespace) -> ExitCode:
    """Show what is set up; exit with 1 when the last run failed, or a name has no certificate."""
    found = await context.control.ask("GET", "/tls/acme")
    context.output.value(found, "\n".join(_lines(found)))
    state = found["state"]
    return ExitCode.FAILED if state["error"] or state["failed"] else ExitCode.DONE


async def look(context: Context, options: argparse.Namespace) -> ExitCode:
    """Say what the authority wants."""
    body = {"directory": options.directory, "root": options.root}
    found = await context.control.ask("POST", "/tls/acme/look", body=body, timeout=PATIENT)
    lines = [
        f"Terms     {found['terms'] or 'none'}",
        f"Website   {found['website'] or 'none'}",
        f"Accounts  {'for its customers only' if found['needs_binding'] else 'for everyone'}",
    ]
    context.output.value(found, "\n".join(lines))
    return ExitCode.DONE


async def set_up(context: Context, options: argparse.Namespace) -> ExitCode:
    """Set an authority up; the secret comes from a file, never from the command line."""
    body = {
        "directory": options.directory,
        "root": options.root,
        "terms": options.accept_terms or "",
        "contact": " ".join(options.contact or ()),
        "challenge": options.challenge,
        "names": " ".join(options.name or ()),
        "hook": options.hook or "",
        "staging": options.staging or "",
        "key_id": options.key_id or "",
        "secret": options.secret,
    }
    found = await context.control.ask("POST", "/tls/acme", body=body, timeout=PATIENT)
    names = ", ".join(found["names"])
    context.output.value(
        found, f"The authority has made an account. It is asked for a certificate for {names}."
    )
    return ExitCode.DONE


async def ask_now(context: Context, options: argparse.Namespace) -> ExitCode:
    """Queue a run."""
    job = await context.control.ask("POST", "/tls/acme/renew")
    return await print_job(context, job, options)


async def switch_off(context: Context, options: argparse.Namespace) -> ExitCode:
    """Ask for no certificates any more."""
    if not confirmed(options, f"{_OFF} The one in use stays until it ends."):
        raise DeclinedError
    found = await context.control.ask("DELETE", "/tls/acme", timeout=PATIENT)
    context.output.value(found, _OFF)
    return ExitCode.DONE


def _lines(found: Answer) -> list[str]:
    plan, state = found["plan"], found["state"]
    if plan is None:
        return ["This machine gets no certificates by ACME."]
    return [
        f"Directory    {plan['directory']}",
        f"Rehearsals   {plan['staging'] or 'none'}",
        f"Contact      {', '.join(plan['contact']) or 'none'}",
        f"Terms        {plan['terms'] or 'none'}",
        f"Proof        {' '.join(filter(None, (plan['challenge'], plan['hook'])))}",
        f"Names        {', '.join(found['names'])}",
        f"Certificate  {_certificate(state)}",
        f"Next run     {_next_run(found)}",
        *([f"Last run     {state['message']} {state['hint']}"] if state["error"] else []),
        *(f"Failed       {one['name']}: {one['refusal']}" for one in state["failed"]),
        *([f"New terms    {state['new_terms']}"] if state["new_terms"] else []),
    ]


def _certificate(state: Answer) -> str:
    if state["not_after"] is None:
        return "none yet"
    return f"for {', '.join(state['names'])} until {_local(state['not_after'])}"


def _next_run(found: Answer) -> str:
    state = found["state"]
    if found["due"]:
        return "due now"
    return _local(state["next_try_at"] or state["renew_at"])


def _local(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}" if moment else "never"
