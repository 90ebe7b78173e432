"""Verbs for backups: make and list them, their targets, and the recovery key."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from appliance.backup_plan.facts import BackupFacts, read_facts
from appliance.backup_plan.wording import Standing, headline, lacks, models_sentence
from appliance.cli.confirmation import add_yes, confirmed
from appliance.cli.connection import PATIENT
from appliance.cli.context import Context
from appliance.cli.errors import DeclinedError
from appliance.cli.output import ExitCode
from appliance.cli.queued_job import print_job
from appliance.cli.recovery_key import add_key_file, read_key, read_secret
from appliance.cli.verbs import Verbs, add_group, add_verb
from appliance.offsite.model import TargetKind
from appliance.offsite.targets import Targets, public
from appliance.repository.model import Snapshot

_FIELDS = ("name", "place", "user", "identity", "region", "limit", "opens", "closes")
_HELP = {
    "name": "what you call it",
    "place": "a folder, or an address such as sftp://host/path",
    "user": "the account there",
    "identity": "the fingerprint of the server's key or certificate",
    "region": "the region of S3-compatible storage",
    "limit": "at most so many KiB a second",
    "opens": "copy only from this time of the day",
    "closes": "copy only until this time of the day",
}
_REPLACES = (
    "The new key opens all sets. The present sheet opens them until the new key is proved; then it "
    "opens nothing any more."
)


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add backup now, verify, status, list, targets and key."""
    group = add_group(verbs, "backup", "encrypted backups of this machine")
    for name, work, purpose in (
        ("now", back_up, "make a set now"),
        ("verify", verify, "restore the newest set in a trial, and compare it"),
    ):
        verb = add_verb(group, shared, name, work, purpose)
        verb.add_argument("--wait", action="store_true", help="wait until it has ended")
    add_verb(group, shared, "status", status, "say what could be restored, and what is missing")
    add_verb(group, shared, "list", list_sets, "list the sets, the newest first")
    _add_targets(add_group(group, "targets", "where copies go"), shared)
    _add_keys(add_group(group, "key", "the recovery key"), shared)


def _add_targets(group: Verbs, shared: argparse.ArgumentParser) -> None:
    add_verb(group, shared, "list", list_targets, "list the targets and how their copies went")
    add = add_verb(group, shared, "add", add_target, "add a target once it was reached")
    add.add_argument("kind", choices=list(TargetKind), help="how it is reached")
    change = add_verb(group, shared, "change", change_target, "change a target once it was reached")
    change.add_argument("number", type=int, help="its number, as the list shows it")
    for verb in (add, change):
        for name in _FIELDS:
            is_needed = verb is add and name in {"name", "place"}
            verb.add_argument(f"--{name}", required=is_needed, help=_HELP[name])
        verb.add_argument(
            "--secret-file", metavar="FILE", help="read its password or key from a file, or from -"
        )
        verb.set_defaults(prepare=_read_secret)
    for name, work, purpose in (
        ("probe", probe_target, "reach a target, and see what it protects from"),
        ("copy", copy_to_target, "copy to a target now"),
        ("remove", remove_target, "forget a target; its copies stay"),
    ):
        verb = add_verb(group, shared, name, work, purpose)
        verb.add_argument("number", type=int, help="its number, as the list shows it")
        if work is remove_target:
            add_yes(verb)


def _add_keys(group: Verbs, shared: argparse.ArgumentParser) -> None:
    add_verb(group, shared, "make", make_key, "make the recovery key, and print it once")
    replace = add_verb(group, shared, "replace", replace_key, "make another recovery key")
    add_yes(replace)
    for name, work, purpose in (
        ("verify", prove_key, "prove that a key opens the backups"),
        ("machine", let_machine_in, "let this machine's own key open the backups again"),
    ):
        verb = add_verb(group, shared, name, work, purpose)
        add_key_file(verb)
        verb.set_defaults(prepare=_read_key)


def _read_secret(options: argparse.Namespace) -> None:
    """Read the file with the caller's own rights: it may belong to root."""
    path = options.secret_file
    options.secret = read_secret(path) if path else ""


def _read_key(options: argparse.Namespace) -> None:
    """Read the file with the caller's own rights, or the terminal."""
    options.key = read_key(options, is_needed=True)


async def back_up(context: Context, options: argparse.Namespace) -> ExitCode:
    """Queue a set."""
    return await print_job(context, await context.control.ask("POST", "/backups"), options)


async def verify(context: Context, options: argparse.Namespace) -> ExitCode:
    """Queue a drill of the newest set."""
    return await print_job(context, await context.control.ask("POST", "/backups/drill"), options)


async def status(context: Context, _: argparse.Namespace) -> ExitCode:
    """Say what could be restored; exit with 1 unless a young set was verified.

    It reads files, and works while the database or the supervisor is down.
    """
    facts, now = await read_facts(context.settings), context.clock.now()
    said = headline(facts, now)
    models = models_sentence(facts, now)
    lines = [f"{said.sentence}.", said.hint, models, *(f"- {lack}" for lack in lacks(facts))]
    value = {
        "standing": said.standing,
        "sentence": said.sentence,
        "hint": said.hint,
        "lacks": list(lacks(facts)),
        "sets": len(facts.catalog.sets) if facts.catalog else 0,
        "bytes": facts.catalog.bytes if facts.catalog else 0,
        "models": _saved_models(facts),
        "key": facts.proof.fingerprint if facts.key_is_proven and facts.proof else None,
    }
    context.output.value(value, "\n".join(filter(None, lines)))
    return ExitCode.DONE if said.standing is Standing.VERIFIED else ExitCode.FAILED


async def list_sets(context: Context, _: argparse.Namespace) -> ExitCode:
    """List sets and hot snapshots; it needs neither database nor supervisor."""
    facts = await read_facts(context.settings)
    rows = [_row(found) for found in (facts.catalog.snapshots if facts.catalog else ())]
    context.output.table(rows, "Nothing is backed up yet.")
    return ExitCode.DONE


async def list_targets(context: Context, _: argparse.Namespace) -> ExitCode:
    """List the targets, without their secrets."""
    facts = await read_facts(context.settings)
    context.output.table(_targets(facts), "There is no target.")
    return ExitCode.DONE


async def add_target(context: Context, options: argparse.Namespace) -> ExitCode:
    """Add a target; its secret comes from a file, never from the command line."""
    return await _save_target(context, options, {"kind": options.kind})


async def change_target(context: Context, options: argparse.Namespace) -> ExitCode:
    """Change what is given of a target; a secret that is not given stays."""
    present = await Targets(context.settings.offsite).target(options.number)
    kept = {name: str(getattr(present, name)) for name in ("kind", *_FIELDS)}
    return await _save_target(context, options, {**kept, "number": str(options.number)})


async def _save_target(
    context: Context, options: argparse.Namespace, kept: Mapping[str, str]
) -> ExitCode:
    given = {name: getattr(options, name) for name in _FIELDS}
    body = {**kept, **{name: value for name, value in given.items() if value is not None}}
    if options.secret:
        body["secret"] = options.secret
    target = await context.control.ask("POST", "/backups/targets", body=body, timeout=PATIENT)
    context.output.value(target, f"Target {target['number']} was reached, and is kept.")
    return ExitCode.DONE


async def probe_target(context: Context, options: argparse.Namespace) -> ExitCode:
    """Reach a target."""
    path = f"/backups/targets/{options.number}/probe"
    found = await context.control.ask("POST", path, timeout=PATIENT)
    context.output.value(found, f"It answers: {found.get('protection', 'reached')}.")
    return ExitCode.DONE


async def copy_to_target(context: Context, options: argparse.Namespace) -> ExitCode:
    """Queue a copy."""
    job = await context.control.ask("POST", f"/backups/targets/{options.number}/copy")
    options.wait = False
    return await print_job(context, job, options)


async def remove_target(context: Context, options: argparse.Namespace) -> ExitCode:
    """Forget a target."""
    if not confirmed(options, "No more copies go there. What was copied stays."):
        raise DeclinedError
    target = await context.control.ask("DELETE", f"/backups/targets/{options.number}")
    context.output.value(target, f"“{target['name']}” is removed. What was copied there stays.")
    return ExitCode.DONE


async def make_key(context: Context, _: argparse.Namespace) -> ExitCode:
    """Make the key and print its sheet, once."""
    sheet = await context.control.ask("POST", "/backups/key", timeout=PATIENT)
    context.output.value(sheet, _sheet(sheet))
    return ExitCode.DONE


async def replace_key(context: Context, options: argparse.Namespace) -> ExitCode:
    """Make another key."""
    if not confirmed(options, _REPLACES):
        raise DeclinedError
    return await make_key(context, options)


async def prove_key(context: Context, options: argparse.Namespace) -> ExitCode:
    """Prove a key: typed without an echo, or read from a file."""
    body = {"key": options.key}
    proof = await context.control.ask("POST", "/backups/key/prove", body=body, timeout=PATIENT)
    text = f"The key {proof['fingerprint']} opened the backups."
    context.output.value(proof, text)
    return ExitCode.DONE


async def let_machine_in(context: Context, options: argparse.Namespace) -> ExitCode:
    """Let the machine's own key in, by the recovery key."""
    path, body = "/backups/key/machine", {"key": options.key}
    found = await context.control.ask("POST", path, body=body, timeout=PATIENT)
    context.output.value(found, "This machine's own key opens the backups again.")
    return ExitCode.DONE


def _saved_models(facts: BackupFacts) -> dict[str, object] | None:
    saved = facts.models
    if saved is None:
        return None
    return {
        "saved_at": saved.saved_at,
        "names": list(saved.names),
        "bytes": saved.bytes,
        "left_out": list(saved.left_out),
        "damage": saved.damage,
    }


def _row(found: Snapshot) -> dict[str, object]:
    drilled = found.drilled
    return {
        "id": found.id[:12],
        "kind": found.kind,
        "taken": found.taken_at,
        "state": drilled.verdict if drilled else "written",
        "documents": found.content.documents,
        "conversations": found.content.conversations,
        "people": found.content.people,
        "bytes": found.content.bytes,
        "version": found.content.version,
    }


def _targets(facts: BackupFacts) -> list[dict[str, object]]:
    return [
        {
            "number": copy.target.number,
            "name": copy.target.name,
            "kind": copy.target.kind,
            "place": public(copy.target)["place"],
            "protection": copy.state.protection,
            "whole": copy.state.complete_at,
            "models": copy.state.models_at,
            "free": copy.state.free,
            "error": copy.state.error or None,
            "use": "restore" if copy.target.restores_only else "copies",
        }
        for copy in sorted((*facts.copies, *facts.sources), key=lambda copy: copy.target.number)
    ]


def _sheet(sheet: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"Recovery sheet of {sheet['machine']}, {sheet['made_at'][:16].replace('T', ' ')}",
            "",
            f"Recovery key  {sheet['key']}",
            f"Fingerprint   {sheet['fingerprint']}",
            f"Repository    {sheet['repository']}",
            f"Key file      {sheet['key_file']}",
            f"Config        {sheet['config']}",
            "",
            "It is shown once. Keep it away from this machine and from the copies that it opens.",
            "Then prove it: `cloister backup key verify`.",
        ]
    )
