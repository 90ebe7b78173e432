"""Can what people have added be brought back?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from appliance.backup_plan.facts import BackupFacts, CopiedTo
from appliance.core.clock import Clock
from appliance.health.model import Check, CheckId, CheckResult, ok, warning
from appliance.health.remedies import OpenBackups, ProveRecoveryKey, RunCommand
from appliance.repository.catalog import Catalog
from appliance.repository.model import Drilled, Verdict
from appliance.repository.saved_models import SavedModels
from appliance.web.formats import duration

AskBackups = Callable[[], Awaitable[BackupFacts]]
# A nightly set and its drill, with two hours for both.
VERIFIED_WITHIN = timedelta(hours=26)
REACHED_WITHIN = timedelta(hours=48)
PROVEN_WITHIN = timedelta(days=92)
_READ_LOG = "The log of the latest backup says why. The page Backups makes a new one."


def backups_check(ask: AskBackups, clock: Clock, *, limit: float) -> Check:
    """Return the check of the backups; it never asks the database."""

    async def answer() -> list[CheckResult]:
        return evaluate_backups(await ask(), clock.now())

    return Check(CheckId.BACKUPS, answer, limit)


def evaluate_backups(facts: BackupFacts, now: datetime) -> list[CheckResult]:
    """Say what the facts mean, the worst first. Pure."""
    if facts.catalog is None and facts.plan.claimed_at is None:
        return [ok(CheckId.BACKUPS, "The machine has no operator yet, and nothing to back up.")]
    found = [
        *_of_tool(facts),
        *_of_damage(facts.catalog),
        *_of_models(facts.models),
        *_of_age(facts, now),
        *_of_drills(facts.catalog),
        *(result for copy in facts.copies for result in _of_copy(copy, now)),
        *_of_key(facts, now),
    ]
    return found or [ok(CheckId.BACKUPS, _good(facts, now))]


def _of_tool(facts: BackupFacts) -> list[CheckResult]:
    if facts.has_restic:
        return []
    sentence = "Backups need the program restic, which is not installed: none is made."
    return [_degraded(sentence, "Install its package as root.", RunCommand("apt install restic"))]


def _of_damage(catalog: Catalog | None) -> list[CheckResult]:
    if catalog is None or not catalog.damage:
        return []
    sentence = f"Files of the backups are damaged: {catalog.damage}"
    hint = (
        "Nothing is removed until it is repaired, which is tried by itself, with a new set. If it "
        "comes again, the disk may be failing: keep a copy elsewhere."
    )
    return [_degraded(sentence, hint)]


def _of_models(saved: SavedModels | None) -> list[CheckResult]:
    """Judge the models that were saved: they can be fetched again, so that nothing is degraded."""
    if saved is None:
        return []
    if saved.damage:
        sentence = f"Files of the saved models are damaged: {saved.damage}"
        hint = "They are saved again by themselves. If it comes again, the disk may be failing."
        return [warning(CheckId.BACKUPS, sentence, hint, OpenBackups())]
    if saved.left_out:
        sentence = f"Damaged files of models could not be saved: {', '.join(saved.left_out)}."
        hint = "Fetch the models again that need them; the next backup saves them."
        return [warning(CheckId.BACKUPS, sentence, hint, OpenBackups())]
    return []


def _of_age(facts: BackupFacts, now: datetime) -> list[CheckResult]:
    age = facts.verified_age(now)
    if age is not None and age <= VERIFIED_WITHIN.total_seconds():
        return []
    if age is not None:
        sentence = f"The newest set that a trial has restored is {duration(age)} old."
        return [_degraded(sentence, _READ_LOG)]
    if not _is_overdue(facts, now):
        return []
    return [_degraded("There is no backup that a trial has restored.", _READ_LOG)]


def _of_drills(catalog: Catalog | None) -> list[CheckResult]:
    """Judge the newest drill of this machine's sets, and of each target's."""
    newest: dict[str, Drilled] = {}
    for drilled in (drill for found in (catalog.sets if catalog else ()) for drill in found.drills):
        known = newest.get(drilled.source)
        if known is None or drilled.at > known.at:
            newest[drilled.source] = drilled
    failed = [source for source, drill in newest.items() if drill.verdict is Verdict.FAILED]
    return [_degraded(_failed_drill(source), _READ_LOG) for source in sorted(failed)]


def _failed_drill(source: str) -> str:
    where = "of this machine" if source == "local" else f"in the copy at target {source}"
    return f"The newest set {where} could not be restored in a trial."


def _of_copy(copy: CopiedTo, now: datetime) -> list[CheckResult]:
    complete, name = copy.state.complete_at, copy.target.name
    if complete is not None and now - complete <= REACHED_WITHIN:
        return []
    hint = f"{copy.state.message} {copy.state.hint}".strip() or _READ_LOG
    if complete is not None:
        age = duration((now - complete).total_seconds())
        return [_degraded(f"The newest whole copy at “{name}” is {age} old.", hint)]
    if copy.state.error:
        return [_degraded(f"No copy has reached “{name}” yet.", hint)]
    return []


def _of_key(facts: BackupFacts, now: datetime) -> list[CheckResult]:
    remedy = ProveRecoveryKey()
    if facts.key_is_proven and facts.proof is not None:
        age = now - facts.proof.proven_at
        if age <= PROVEN_WITHIN:
            return []
        sentence = f"The recovery key was last proved {duration(age.total_seconds())} ago."
        hint = "Type it once more, to know that the sheet is still at hand."
        return [warning(CheckId.BACKUPS, sentence, hint, remedy)]
    if not _is_overdue(facts, now):
        return []
    sentence = "No recovery key was proved: if this machine is lost, so are its backups."
    hint = "Make the key, print its sheet, and type it back."
    return [warning(CheckId.BACKUPS, sentence, hint, remedy)]


def _is_overdue(facts: BackupFacts, now: datetime) -> bool:
    """Whether the set-up of backups should be complete; a new machine has a day and two hours."""
    claimed = facts.plan.claimed_at
    return claimed is None or now - claimed > VERIFIED_WITHIN


def _good(facts: BackupFacts, now: datetime) -> str:
    age = facts.verified_age(now)
    if age is None:
        return "The first set has not been made yet."
    return f"The newest verified set is {duration(age)} old."


def _degraded(sentence: str, hint: str, remedy: RunCommand | None = None) -> CheckResult:
    return warning(CheckId.BACKUPS, sentence, hint, remedy or OpenBackups(), degrades=True)
