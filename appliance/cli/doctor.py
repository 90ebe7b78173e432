"""The verb that examines the whole machine: doctor."""

from __future__ import annotations

import argparse
import asyncio
import os
import pwd
import textwrap
from collections.abc import Sequence

from appliance.backup_plan.facts import read_facts
from appliance.cli.context import Context
from appliance.cli.model_runner import model_runner, runner_address
from appliance.cli.output import ExitCode, Output
from appliance.cli.verbs import Verbs, add_verb
from appliance.core.errors import ApplianceError, Audience
from appliance.core.settings import ENVIRONMENT_FILE, PACKAGED_ACCOUNT, Settings, from_environment
from appliance.db.pool import Database, conninfo
from appliance.health.appliance import ApplianceChecks, kept
from appliance.health.checks.acme import ask_acme
from appliance.health.checks.certificate import ask_certificate
from appliance.health.checks.clock import clock_check
from appliance.health.checks.database import database_probe
from appliance.health.checks.installed import installed_checks
from appliance.health.checks.isolation import isolation_checks
from appliance.health.checks.port_conflicts import port_checks
from appliance.health.checks.stored_files import stored_files_check
from appliance.health.checks.web_front import web_front_check
from appliance.health.model import Check, CheckId, CheckResult, CheckState, Health, ok, unknown
from appliance.health.seen import Seen, seen_by_socket
from appliance.health.service import run_checks
from appliance.llm.client import ModelRunner
from appliance.llm.service import ModelChoice

# A person who examines a machine would rather wait than read that a check took too long.
_PATIENCE = 3.0
_WIDTH = 100


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add doctor."""
    verb = add_verb(verbs, shared, "doctor", doctor, "examine the machine and say what to do")
    verb.set_defaults(prepare=_examine_as_root)


def _examine_as_root(options: argparse.Namespace) -> None:
    """Ask what only root can see, before root's rights are given up for everything else.

    PostgreSQL does not know root, so the other checks need the appliance's own account. On a
    machine that is half installed there may be none: then they ask as root, and say what fails.
    """
    settings = from_environment()
    options.seen_by_root = []
    if os.geteuid() == 0 and settings.packaged:
        checks = [check for check in _machine_wide(settings) if check.as_root]
        options.seen_by_root = asyncio.run(run_checks(checks, Audience.COMMAND_LINE))
        options.as_root = not _account_exists()


def _account_exists() -> bool:
    try:
        pwd.getpwnam(PACKAGED_ACCOUNT)
    except KeyError:
        return False
    return True


async def doctor(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print a result a check; exit with 1 unless everything that was set up works."""
    address = conninfo(context.settings.database_socket, "cloister")
    async with (
        Database(address, size=3, wait=_PATIENCE) as database,
        model_runner(context.settings) as runner,
    ):
        appliance = _appliance(context, database, runner)
        wide = _machine_wide(context.settings)
        asked = [check for check in (*appliance, *wide) if not check.as_root]
        found = await run_checks(asked, Audience.COMMAND_LINE)
    # Checks that need root come last: they ran before the process gave up root's rights.
    seen = {result.id: result for result in options.seen_by_root}
    found += [seen.get(check.id) or _root_only(check) for check in wide if check.as_root]
    health = Health(tuple(found))
    _print(context.output, health)
    return ExitCode.DONE if health.is_ready else ExitCode.FAILED


def _root_only(check: Check) -> CheckResult:
    return unknown(check.id, "Only root can see this.", "`sudo cloister doctor` checks it as well.")


def _appliance(context: Context, database: Database, runner: ModelRunner) -> list[Check]:
    """Return the checks of the appliance's own account, which hold for a clone as well."""
    settings, probe = context.settings, database_probe(database.address, limit=_PATIENCE)
    what_is_kept = kept(database, settings)

    async def supervisor() -> CheckResult:
        answer = await context.control.ask("GET", "/units")
        count = len(answer["units"])
        return ok(CheckId.SUPERVISOR, f"It answers, and looks after {count} services.")

    async def see() -> Seen | None:
        try:
            return seen_by_socket(await context.control.ask("GET", "/units"))
        except ApplianceError:
            return None

    appliance = ApplianceChecks(
        home=settings.home,
        see=see,
        database=probe,
        runner=runner,
        runner_address=runner_address(context.settings),
        chosen=ModelChoice(database, runner).chosen,
        reader=settings.ingest_socket,
        elsewhere=settings.ollama_url is not None,
        has_systemd=settings.packaged,
        settings_file=ENVIRONMENT_FILE if settings.packaged else None,
        kept=what_is_kept,
        backups=lambda: read_facts(settings),
        certificate=ask_certificate(settings),
        acme=ask_acme(settings),
        state=settings.state,
        clock=context.clock,
        patience=_PATIENCE,
    )
    return [
        Check(CheckId.SUPERVISOR, supervisor),
        *appliance.checks(),
        stored_files_check(what_is_kept.integrity),
        clock_check(context.clock),
    ]


def _machine_wide(settings: Settings) -> list[Check]:
    """Return the checks of the way in, and of what the package promises about the machine."""
    front = [web_front_check(settings)]
    if not settings.packaged:
        return front
    return [*front, *port_checks(), *isolation_checks(), *installed_checks()]


def _print(output: Output, health: Health) -> None:
    rows = [result.as_json() for result in health.results]
    output.value({"healthy": health.is_ready, "checks": rows}, "\n".join(_lines(health.results)))


def _lines(found: Sequence[CheckResult]) -> list[str]:
    """Return the results as people read them, and how many of each kind there are."""
    state_width = max(len(state) for state in CheckState)
    name_width = max(len(result.id) for result in found)
    margin = " " * (state_width + name_width + 4)
    lines = []
    for result in found:
        head = f"{result.state:{state_width}}  {result.id:{name_width}}  "
        lines += _wrapped(result.sentence, head, margin)
        if result.state is not CheckState.OK:
            lines += _wrapped(result.hint, f"{margin}→ ", f"{margin}  ")
            if result.remedy and result.remedy.command:
                lines += _wrapped(f"`{result.remedy.command}`", f"{margin}→ ", f"{margin}  ")
    counts = {state: sum(result.state is state for result in found) for state in CheckState}
    lines.append(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    return lines


def _wrapped(text: str, first: str, further: str) -> list[str]:
    # A word longer than a line, such as a fingerprint, stays whole: people copy it.
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )
