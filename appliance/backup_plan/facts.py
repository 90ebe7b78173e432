"""What is known about backups at one moment, read from files: never from the database."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime

from appliance.backup_plan.records import KeyProof, PlanRecord, read_plan, read_proof
from appliance.core.process import SEARCH_PATH
from appliance.core.settings import Settings
from appliance.offsite.model import Target, TargetState
from appliance.offsite.targets import Targets
from appliance.repository import catalog, saved_models
from appliance.repository.catalog import Catalog
from appliance.repository.saved_models import SavedModels

RESTIC = "restic"


@dataclass(frozen=True, slots=True)
class CopiedTo:
    """A target, and how its copies went."""

    target: Target
    state: TargetState


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What is known.

    `free` is the room on the disk of the repository. `has_server` says that a server adds to it
    which removes nothing. Without a `catalog` no set was ever made. `sources` are the targets that
    are only restored from: no copy is due, expected or removed there. `models` are those that were
    saved last.
    """

    catalog: Catalog | None
    copies: tuple[CopiedTo, ...] = ()
    sources: tuple[CopiedTo, ...] = ()
    proof: KeyProof | None = None
    plan: PlanRecord = field(default_factory=PlanRecord)
    has_restic: bool = True
    has_server: bool = True
    free: int | None = None
    models: SavedModels | None = None

    @property
    def newest_at(self) -> datetime | None:
        """When anything was saved last that a copy should have."""
        snapshots = self.catalog.snapshots if self.catalog else ()
        saved = [found.taken_at for found in snapshots]
        saved += [self.models.saved_at] if self.models else []
        return max(saved, default=None)

    @property
    def key_is_proven(self) -> bool:
        """Whether the recovery key that opens the repository now was ever proved."""
        key = self.catalog.recovery_key if self.catalog else None
        return (
            key is not None
            and self.proof is not None
            and (key.fingerprint == self.proof.fingerprint)
        )

    def verified_age(self, now: datetime) -> float | None:
        """Return how many seconds ago the newest verified set was taken.

        A set of the future does not count: whatever its clock showed, it says nothing about today.
        """
        sets = self.catalog.sets if self.catalog else ()
        ages = [(now - found.taken_at).total_seconds() for found in sets if found.is_verified]
        return min((age for age in ages if age >= 0), default=None)


async def read_facts(settings: Settings) -> BackupFacts:
    """Read what is known. Files that are missing or wrong count as nothing."""
    targets = Targets(settings.offsite)
    copies = [
        CopiedTo(target, await targets.state(target.number)) for target in await targets.targets()
    ]
    return await asyncio.to_thread(_read, settings, tuple(copies))


def _read(settings: Settings, copies: tuple[CopiedTo, ...]) -> BackupFacts:
    path = os.environ.get("PATH") or SEARCH_PATH
    return BackupFacts(
        catalog=catalog.read_at_once(settings.backup / catalog.FILE),
        copies=tuple(copy for copy in copies if not copy.target.restores_only),
        sources=tuple(copy for copy in copies if copy.target.restores_only),
        proof=read_proof(settings.state),
        plan=read_plan(settings.state),
        has_restic=shutil.which(RESTIC, path=path) is not None,
        has_server=settings.packaged,
        free=_free(settings),
        models=saved_models.read(settings.backup),
    )


def _free(settings: Settings) -> int | None:
    try:
        return shutil.disk_usage(settings.home).free
    except OSError:
        return None
