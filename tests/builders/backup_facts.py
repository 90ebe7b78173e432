"""What is known about backups, as files of a home: catalogues, targets, records."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from appliance.backup_plan.records import KeyProof, PlanRecord, write_plan, write_proof
from appliance.core.settings import Settings
from appliance.offsite.model import Target, TargetKind, TargetState
from appliance.repository import catalog, saved_models
from appliance.repository.catalog import Catalog
from appliance.repository.key_files import KeyFile, KeyRole
from appliance.repository.model import FORMAT, Content, Drilled, Kind, Snapshot, Verdict
from appliance.repository.recovery_key import RecoveryKey
from appliance.repository.saved_models import ModelSnapshot, SavedModels

KEY = RecoveryKey("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
HOUR = timedelta(hours=1)


def snapshot(
    taken_at: datetime,
    kind: Kind = Kind.SET,
    *drills: Drilled,
    size: int = 1_400_000_000,
    number: int = 1,
) -> Snapshot:
    """Return a snapshot with 120 documents."""
    content = Content(FORMAT, "0.2.0", 11, 17, 12, 120, 340, size, 24)
    return Snapshot(f"{number:064x}", kind, taken_at, content, drills)


def drilled(at: datetime, verdict: Verdict = Verdict.VERIFIED, source: str = "local") -> Drilled:
    """Return the end of a drill that took 58 seconds."""
    reason = "" if verdict is Verdict.VERIFIED else "tables_differ"
    return Drilled(verdict, at, source, 58, reason)


def verified_set(taken_at: datetime, number: int = 1, size: int = 1_400_000_000) -> Snapshot:
    """Return a set whose drill has passed five minutes later."""
    drill = drilled(taken_at + timedelta(minutes=5))
    return snapshot(taken_at, Kind.SET, drill, number=number, size=size)


def recovery_key(created_at: datetime, *retired: str) -> KeyFile:
    """Return the key file of KEY."""
    return KeyFile("ab" * 32, KeyRole.RECOVERY, KEY.fingerprint, created_at, retired)


def catalog_of(
    now: datetime, *snapshots: Snapshot, damage: str = "", keyed: bool = True
) -> Catalog:
    """Return a catalogue with these snapshots, opened by this machine and by KEY."""
    since = now - timedelta(days=30)
    machine = KeyFile("cd" * 32, KeyRole.MACHINE, "", since)
    keys = (machine, recovery_key(since)) if keyed else (machine,)
    return Catalog("ef" * 32, now, 1_900_000_000, snapshots, keys, now - HOUR, damage)


def publish(settings: Settings, found: Catalog) -> None:
    """Write a catalogue where the backup job publishes it."""
    settings.backup.mkdir(parents=True, exist_ok=True)
    catalog.write(settings.backup / catalog.FILE, found)


def keep_models(settings: Settings, at: datetime, damage: str = "") -> SavedModels:
    """Write what is known of one model that was saved."""
    settings.backup.mkdir(parents=True, exist_ok=True)
    newest = ModelSnapshot("12" * 32, at, "34" * 32)
    found = SavedModels(newest, at, ("llama3.2:3b",), (), 2_000_000_000, damage)
    saved_models.write(settings.backup, found)
    return found


def remember(
    settings: Settings, *, proven_at: datetime | None = None, claimed_at: datetime | None = None
) -> None:
    """Write what the supervisor remembers."""
    if proven_at is not None:
        write_proof(settings.state, KeyProof(KEY.fingerprint, proven_at))
    if claimed_at is not None:
        write_plan(settings.state, PlanRecord(claimed_at=claimed_at))


def target(
    number: int = 1, name: str = "disk in the safe", *, restores_only: bool = False, **changed: str
) -> Target:
    """Return a folder as a target."""
    values: dict[str, str] = {"place": "/mnt/disk/cloister", **changed}
    kept = Target(number=number, name=name, kind=TargetKind.FOLDER, **values)  # type: ignore[arg-type]
    return replace(kept, restores_only=restores_only)


def keep_target(settings: Settings, kept: Target, state: TargetState | None = None) -> None:
    """Write a target, and how copies to it went."""
    settings.offsite.mkdir(parents=True, exist_ok=True)
    (settings.offsite / f"{kept.number}.json").write_text(json.dumps(asdict(kept)))
    if state is not None:
        content = json.dumps(asdict(state), default=_plain)
        (settings.offsite / f"{kept.number}.state.json").write_text(content)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
