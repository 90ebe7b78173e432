"""The verbs restore and drill: they need no database, and no running supervisor."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from appliance.cli.confirmation import add_yes, confirmed
from appliance.cli.connection import PATIENT
from appliance.cli.context import Context
from appliance.cli.errors import DeclinedError
from appliance.cli.operation_run import run_operation, showing
from appliance.cli.output import ExitCode
from appliance.cli.recovery_key import add_key_file, read_key, read_text
from appliance.cli.restored_files import put_in_place, waiting_files
from appliance.cli.verbs import Verbs, add_verb
from appliance.core.errors import ApplianceError
from appliance.core.settings import from_environment
from appliance.operations.catalog import DRILL, MOST_TARGETS, RESTORE
from appliance.restore.model import NEWEST, Task, What
from appliance.restore.waiting import until_exchanged
from appliance.restore.wording import (
    done_sentence,
    end_sentence,
    files_lines,
    model_preview_lines,
    placed_lines,
    preview_lines,
    snapshot_rows,
)
from appliance.units.exchange import RestoreState, restarted_by_exchange

_OWN = "local"
# Settings of a set wait for root: see `restored_files`.
_FILES = "files"
_ENDS = (Task.CONFIRM, Task.UNDO, Task.STATUS, _FILES)
# A folder is served for a restore by the last of the gateways, where the package is installed.
_GATEWAY = MOST_TARGETS


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add restore and drill."""
    parser = add_verb(verbs, shared, "restore", restore, "bring back what a set holds")
    parser.add_argument(
        "end",
        nargs="?",
        choices=_ENDS,
        help="keep what was restored, go back, show the state, or put its files in place",
    )
    _add_place(parser)
    parser.add_argument("--list", action="store_true", help="show the sets, and change nothing")
    parser.add_argument(
        "--set",
        default=NEWEST,
        metavar="ID",
        help="the first letters of its id, newest, or newest-verified",
    )
    parser.add_argument(
        "--what", choices=list(What), default=What.EVERYTHING, help="all, or a part"
    )
    parser.add_argument("--subject", default="", help="which document, or whose conversations")
    parser.add_argument("--preview", action="store_true", help="say what would change, and end")
    sheet = "a copy of the repository's {0}, from the printed sheet, if that is lost"
    for name, lost in (("key", "key file"), ("config", "file config")):
        parser.add_argument(
            f"--repository-{name}", type=Path, metavar="FILE", help=sheet.format(lost)
        )
    add_yes(parser)
    parser.set_defaults(prepare=_prepare_restore)
    drilling = add_verb(verbs, shared, "drill", drill, "prove that a set can be restored")
    _add_place(drilling)
    drilling.add_argument("--set", metavar="ID", help="the first letters of its id")
    drilling.add_argument("--index", action="store_true", help="build the index of vectors, too")
    drilling.set_defaults(prepare=_prepare_drill)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="place",
        default=_OWN,
        metavar="PLACE",
        help="this machine's own backups, the number of a target, or the folder of a copy",
    )
    add_key_file(parser)


def _prepare_restore(options: argparse.Namespace) -> None:
    """Read keys with the caller's own rights: files of root, or at the terminal."""
    is_elsewhere = options.place != _OWN and options.end is None
    # The key file of the sheet is opened by the recovery key alone.
    _prepare(options, needs_key=is_elsewhere or options.repository_key is not None)
    sheet = {"key_file": options.repository_key, "config": options.repository_config}
    options.sheet = {name: read_text(path) for name, path in sheet.items() if path}


def _prepare_drill(options: argparse.Namespace) -> None:
    _prepare(options, needs_key=False)
    options.sheet = {}


def _prepare(options: argparse.Namespace, *, needs_key: bool) -> None:
    options.key = read_key(options, is_needed=needs_key)
    options.folder = str(Path(options.place).absolute())
    # Packaged, only root may start the services that do the work.
    options.as_root = from_environment().packaged


async def restore(context: Context, options: argparse.Namespace) -> ExitCode:
    """Restore, or show what could be restored."""
    if options.end is not None:
        return await _end(context, options)
    async with _place(context, options) as place:
        if options.list:
            found = await run_operation(context, RESTORE, {"work": Task.LIST, **place})
            empty = "The repository holds no set."
            if context.output.as_json:
                context.output.value(found, empty)
            else:
                context.output.table(snapshot_rows(found), empty)
            return ExitCode.DONE
        asked = {**place, "snapshot": options.set, "what": options.what, "subject": options.subject}
        if options.preview or options.what in {What.EVERYTHING, What.MODELS}:
            before = await run_operation(context, RESTORE, {"work": Task.PREVIEW, **asked})
            are_models = options.what == What.MODELS
            consequences = "\n".join((model_preview_lines if are_models else preview_lines)(before))
            if options.preview:
                context.output.value(before, consequences)
                return ExitCode.DONE
        else:
            consequences = f"What is missing now is added from the set: {options.what}."
        if not confirmed(options, consequences):
            raise DeclinedError
        found = await run_operation(context, RESTORE, {"work": Task.RESTORE, **asked})
    files = await asyncio.to_thread(put_in_place, context.settings)
    restarted = options.what == What.EVERYTHING and await _use_restored(context)
    await _use_certificate(context, files)
    value = {**found, "files": files, "restarted": restarted}
    context.output.value(value, done_sentence(found, options.what, files, is_running=restarted))
    return ExitCode.DONE


async def drill(context: Context, options: argparse.Namespace) -> ExitCode:
    """Restore a set into a folder of its own, compare it, and remove it."""
    async with _place(context, options) as place:
        request = {**place, "snapshot": options.set, "index": options.index}
        found = await run_operation(context, DRILL, request)
    sentence = (
        f"The set {str(found['snapshot'])[:8]} can be restored: {found['tables']} tables and "
        f"{found['documents']} documents are as they were saved. It took {found['seconds']} s."
    )
    context.output.value(found, sentence)
    return ExitCode.DONE


async def _end(context: Context, options: argparse.Namespace) -> ExitCode:
    if options.end == _FILES:
        return await _place_files(context)
    found = await run_operation(context, RESTORE, {"work": options.end})
    restarted = options.end == Task.UNDO and await _restart(context)
    if restarted:
        ask_status = partial(run_operation, context, RESTORE, {"work": Task.STATUS})
        found = await until_exchanged(ask_status, context.clock)
    kept = RestoreState(str(found["state"])) is RestoreState.UNCONFIRMED
    await _note(context, former_is_kept=kept and not found.get("undone"))
    files = await asyncio.to_thread(waiting_files, context.settings)
    words = "\n".join([end_sentence(Task(options.end), found), *files_lines(files)])
    context.output.value({**found, "restarted": restarted, "waiting": files}, words)
    return ExitCode.DONE


async def _place_files(context: Context) -> ExitCode:
    files = await asyncio.to_thread(put_in_place, context.settings)
    await _use_certificate(context, files)
    words = placed_lines(files) or ["No file waits to be put in place."]
    context.output.value({"files": files}, "\n".join(words))
    return ExitCode.DONE


@asynccontextmanager
async def _place(context: Context, options: argparse.Namespace) -> AsyncIterator[Mapping[str, Any]]:
    """Lend the part of a request that says what is read, while it can be read."""
    found: dict[str, Any] = {"key": options.key, **options.sheet}
    packaged = context.settings.packaged
    if options.place == _OWN:
        yield found
    elif options.place.isdecimal():
        number = int(options.place)
        if not 1 <= number <= MOST_TARGETS:
            yield {**found, "source": number}
            return
        async with showing(context, number):
            yield {**found, "source": number}
    elif packaged:
        # Only this service sees disks that are mounted, and it has no key.
        async with showing(context, _GATEWAY, Path(options.folder)):
            yield {**found, "source": _GATEWAY, "name": options.folder}
    else:
        yield {**found, "address": options.folder}


async def _use_restored(context: Context) -> bool:
    """Restart what uses the database; return whether a supervisor runs that does it."""
    if restarted := await _restart(context):
        await _note(context, former_is_kept=True)
    return restarted


async def _note(context: Context, *, former_is_kept: bool) -> None:
    """Let the console know whether a restore waits for a decision, if a supervisor runs."""
    with contextlib.suppress(ApplianceError):
        body = {"former_is_kept": former_is_kept}
        await context.control.ask("POST", "/backups/restored", body=body)


async def _use_certificate(context: Context, files: list[str]) -> None:
    """Let the web server take over another certificate, where a supervisor runs."""
    if any(Path(file).parent == context.settings.tls for file in files):
        with contextlib.suppress(ApplianceError):
            await context.control.ask("POST", "/tls/ensure", timeout=PATIENT)


async def _restart(context: Context) -> bool:
    """Restart what uses the database; return whether a supervisor runs that does it."""
    with contextlib.suppress(ApplianceError):
        listed = await context.control.ask("GET", "/units")
        for name in restarted_by_exchange(str(unit["name"]) for unit in listed["units"]):
            await context.control.ask("POST", f"/units/{name}/restart")
        return True
    return False
