"""The verb that examines the whole machine: doctor."""

from __future__ import annotations

import argparse
import asyncio
import os
import pwd
import textwrap
from collections.abc import Sequence

from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.cli.verbs import Verbs, add_verb
from appliance.core.clock import Clock, SystemClock
from appliance.core.settings import PACKAGED_ACCOUNT, Settings, from_environment
from appliance.health.examine import examine
from appliance.health.front import front_checks
from appliance.health.installed import installed_checks
from appliance.health.machine import machine_checks
from appliance.health.model import Check, Examined, Finding, State, unknown
from appliance.health.rivals import rival_checks
from appliance.health.seal import seal_checks
from appliance.health.services import ServiceChecks

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
        checks = _machine_wide(settings, SystemClock())
        options.seen_by_root = asyncio.run(examine([check for check in checks if check.as_root]))
        options.as_root = not _account_exists()


def _account_exists() -> bool:
    try:
        pwd.getpwnam(PACKAGED_ACCOUNT)
    except KeyError:
        return False
    return True


async def doctor(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print a finding a check; exit with 1 if something failed."""
    checks = _appliance(context) + _machine_wide(context.settings, context.clock)
    seen = {examined.check: examined for examined in options.seen_by_root}
    rest = [check for check in checks if not check.as_root]
    seen |= {examined.check: examined for examined in await examine(rest)}
    found = [seen.get(check.name) or Examined(check.name, _ROOT_ONLY) for check in checks]
    _print(context.output, found)
    states = {examined.finding.state for examined in found}
    return ExitCode.FAILED if State.FAILED in states else ExitCode.DONE


_ROOT_ONLY: Finding = unknown("Only root can see this.", "`sudo cloister doctor`")


def _appliance(context: Context) -> list[Check]:
    """Return the checks of the appliance's own account, which hold for a clone as well."""

    async def ask_units() -> dict[str, object]:
        answer: dict[str, object] = await context.control.ask("GET", "/units")
        return answer

    services = ServiceChecks(context.settings, context.runner_address, ask_units)
    return [*services.checks(), *machine_checks(context.settings, context.clock)]


def _machine_wide(settings: Settings, clock: Clock) -> list[Check]:
    """Return the checks of the way in, and of what the package promises about the machine."""
    front = front_checks(settings, clock)
    if not settings.packaged:
        return front
    return [*front, *rival_checks(), *seal_checks(), *installed_checks()]


def _print(output: Output, found: Sequence[Examined]) -> None:
    failures = [examined for examined in found if examined.finding.state is State.FAILED]
    rows = [examined.as_json() for examined in found]
    output.value({"healthy": not failures, "checks": rows}, "\n".join(_lines(found)))


def _lines(found: Sequence[Examined]) -> list[str]:
    """Return the findings as people read them, and how many of each kind there are."""
    state_width = max(len(state) for state in State)
    name_width = max(len(examined.check) for examined in found)
    margin = " " * (state_width + name_width + 4)
    lines = []
    for examined in found:
        finding = examined.finding
        head = f"{finding.state:{state_width}}  {examined.check:{name_width}}  "
        # A word longer than a line, such as a fingerprint, stays whole: people copy it.
        wrapped = textwrap.wrap(
            finding.sentence,
            _WIDTH,
            initial_indent=head,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += wrapped
        if finding.hint and finding.state is not State.OK:
            lines += textwrap.wrap(
                finding.hint,
                _WIDTH,
                initial_indent=f"{margin}→ ",
                subsequent_indent=f"{margin}  ",
                break_on_hyphens=False,
            )
    counts = {state: sum(examined.finding.state is state for examined in found) for state in State}
    lines.append(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    return lines
