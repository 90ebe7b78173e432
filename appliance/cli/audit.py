"""The verb for what was done, and whether its record is whole: audit."""

from __future__ import annotations

import argparse
import asyncio
from datetime import datetime
from typing import Any

from appliance.audit.anchor import Anchor
from appliance.audit.chain import ChainEnd
from appliance.audit.report import write_report
from appliance.audit.verification import Verifier
from appliance.audit.words import advice_of, verdict_of
from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_verb
from appliance.db.pool import WORK_SECONDS, Database, conninfo
from appliance.repository import catalog

_MOST_ROWS = 100_000
_VERIFY = "verify"
_GIVEN = "the command line"


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add audit."""
    purpose = "show who did what, the newest first, or verify that no entry was changed"
    verb = add_verb(verbs, shared, "audit", audit, purpose)
    verb.add_argument(
        "work",
        nargs="?",
        choices=(_VERIFY,),
        help="compare each entry with the chain and its anchors; exit with 5 at a fault",
    )
    verb.add_argument(
        "--anchor",
        action="append",
        default=[],
        type=_anchor,
        metavar="TEXT",
        help="for verify: also compare with the end of an earlier verification, or of a set",
    )
    verb.add_argument("--actor", help="a sign-in name, or 'command line'")
    verb.add_argument(
        "--action", help="such as person.lock; person alone is every action on people"
    )
    verb.add_argument(
        "--since", type=_moment, metavar="TIME", help="2026-03-31, or 2026-03-31T12:00"
    )
    verb.add_argument(
        "--limit", type=_limit, default=50, metavar="N", help="how many rows (default: 50)"
    )


async def audit(context: Context, options: argparse.Namespace) -> ExitCode:
    """Show or verify the audit."""
    return await (verify if options.work == _VERIFY else show_audit)(context, options)


async def verify(context: Context, options: argparse.Namespace) -> ExitCode:
    """Verify the audit in this process, which needs the database and no supervisor."""
    settings = context.settings
    address = conninfo(settings.database_socket, "cloister")
    async with Database(address, size=1, limit=WORK_SECONDS) as database:
        published = settings.backup / catalog.FILE
        verifier = Verifier(database, settings.state, published, context.clock)
        given = [Anchor(end, context.clock.now(), _GIVEN) for end in options.anchor]
        report = await verifier.verify(given)
    await asyncio.to_thread(write_report, settings.state, report)
    advice = advice_of(report.finding) if report.finding else f"An anchor of now: {report.end}"
    context.output.value(report.as_json(), f"{verdict_of(report)}\n{advice}")
    return ExitCode.DONE if report.is_whole else ExitCode.NOT_WHOLE


async def show_audit(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print rows of the audit."""
    wanted = {"limit": str(options.limit), "actor": options.actor, "action": options.action}
    if options.since:
        wanted["since"] = options.since.isoformat()
    given = {name: value for name, value in wanted.items() if value}
    entries = await context.control.ask("GET", "/audit", params=given)
    rows = entries if context.output.as_json else [_row(entry) for entry in entries]
    context.output.table(rows, "Nothing was recorded that fits.")
    return ExitCode.DONE


def _row(entry: dict[str, Any]) -> dict[str, object]:
    late = ["added afterwards"] if entry["happened_at"] else []
    return {
        "at": datetime.fromisoformat(entry["happened_at"] or entry["at"]),
        **{name: entry[name] for name in ("actor", "action", "object")},
        "facts": ", ".join([*([entry["facts"]] if entry["facts"] else []), *late]),
    }


def _anchor(text: str) -> ChainEnd:
    if (end := ChainEnd.parse(text)) is None:
        message = f"“{text}” is not an anchor: give the “end” of an earlier verification as it is"
        raise argparse.ArgumentTypeError(message)
    return end


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        message = f"“{text}” is not a time: write it as 2026-03-31, or 2026-03-31T12:00"
        raise argparse.ArgumentTypeError(message) from None


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= _MOST_ROWS:
        message = f"“{text}” is not a whole number from 1 to {_MOST_ROWS}"
        raise argparse.ArgumentTypeError(message)
    return int(text)
