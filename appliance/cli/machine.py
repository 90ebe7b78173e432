"""Verbs that are the machine itself: run, supervise, launch and migrate."""

from __future__ import annotations

import argparse

from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_verb
from appliance.core.start_settings import read_settings
from appliance.db.migrate import migrate as migrate_database
from appliance.db.pool import conninfo
from appliance.db.roles import create_database, install_extension
from appliance.units.launch import launch, refresh


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add run, supervise, launch and migrate."""
    add_verb(verbs, shared, "run", run, "start the whole appliance in the foreground")
    add_verb(verbs, shared, "supervise", run, "supervise the package's units; systemd calls it")
    unit = add_verb(verbs, shared, "launch", launch_unit, "become a unit; systemd calls it")
    unit.add_argument("unit", help="a name that `cloister status` shows")
    rewrite = "only write again the files that the running unit reads on reload"
    unit.add_argument("--refresh", action="store_true", help=rewrite)
    add_verb(verbs, shared, "migrate", migrate, "bring the database's schema up to date")


async def run(context: Context, _: argparse.Namespace) -> ExitCode:
    """Supervise until Ctrl-C or SIGTERM."""
    # Only this verb needs the console with all its parts.
    from appliance.daemon import supervise

    await supervise(read_settings, context.clock, context.output.say)
    return ExitCode.DONE


async def launch_unit(context: Context, options: argparse.Namespace) -> ExitCode:
    """Become the program of one unit, or write its files again."""
    if not options.refresh:
        await launch(context.settings, context.clock, options.unit)
    await refresh(context.settings, context.clock, options.unit)
    return ExitCode.DONE


async def migrate(context: Context, _: argparse.Namespace) -> ExitCode:
    """Create the database where it is missing, then run what is missing of its schema."""
    socket = context.settings.database_socket
    await create_database(conninfo(socket, "cloister", database="postgres"))
    address = conninfo(socket, "cloister")
    await install_extension(address)
    ran = await migrate_database(address)
    for name in ran:
        context.output.say(f"migrated: {name}")
    context.output.value({"migrated": ran}, f"The schema is up to date ({len(ran)} new).")
    return ExitCode.DONE
