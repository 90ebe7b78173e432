"""The checks of the appliance itself, for the console, the command line and the login message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from appliance.core.clock import Clock, SystemClock
from appliance.core.settings import Settings
from appliance.db.checksums import page_checksums
from appliance.db.pool import Database
from appliance.db.schema_objects import schema_state
from appliance.health.checks.acme import AskAcme, acme_check
from appliance.health.checks.audit import audit_check
from appliance.health.checks.backups import AskBackups, backups_check
from appliance.health.checks.certificate import AskCertificate, certificate_check
from appliance.health.checks.checksums import checksums_check
from appliance.health.checks.database import evaluate_database
from appliance.health.checks.disk_space import disk_check
from appliance.health.checks.documents import documents_check
from appliance.health.checks.environment_file import environment_check
from appliance.health.checks.memory import memory_check
from appliance.health.checks.model_runner import ask_runner, evaluate_model_runner
from appliance.health.checks.models import AskChosen, ask_chosen, ask_installed, evaluate_models
from appliance.health.checks.parsers import parsers_check
from appliance.health.checks.schema import schema_check
from appliance.health.checks.services import (
    ask_systemd,
    evaluate_service,
    evaluate_services,
)
from appliance.health.model import Answer, Check, CheckId, CheckResult, unknown
from appliance.health.seen import Seen, Service, runner_condition
from appliance.health.service_words import DATABASE, MIGRATION, MODEL_RUNNER
from appliance.library.blobs import Blobs, Room, SystemDisk
from appliance.library.integrity import Integrity
from appliance.llm.client import ModelRunner
from appliance.llm.condition import RunnerCondition
from appliance.probes.model import Probe

# How long one question may take, and a check, which asks all of its own at once.
PATIENCE = 1.2
ALLOWANCE = 0.3


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept: the database, as its owner, in its folder, and the files of the documents."""

    database: Database
    folder: Path
    integrity: Integrity


def kept(database: Database, settings: Settings) -> Kept:
    """Return what is kept; `database` has the role of the owner."""
    blobs = Blobs(settings.documents, Room(), SystemDisk())
    return Kept(database, settings.database, Integrity(database, blobs))


@dataclass(frozen=True, slots=True)
class ApplianceChecks:
    """Asks what runs, and whether it answers.

    `see` returns how the supervisor sees its services, or None where it does not answer; `chosen`
    which models operators chose. `elsewhere` says that OLLAMA_HOST names the model runner;
    `reader` is the socket of the document reader, `settings_file` what the package reads at each
    start. `kept` is asked what the database and the documents have lost, `backups` what is known of
    the backups, `certificate` what is served, `acme` how runs at an authority went, and `clock` how
    old all that is. `state` has what the latest verification of the audit found.
    """

    home: Path
    see: Callable[[], Awaitable[Seen | None]]
    database: Probe
    runner: ModelRunner
    runner_address: str
    chosen: AskChosen
    reader: Path
    elsewhere: bool = False
    has_systemd: bool = False
    settings_file: Path | None = None
    kept: Kept | None = None
    backups: AskBackups | None = None
    certificate: AskCertificate | None = None
    acme: AskAcme | None = None
    state: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    patience: float = PATIENCE

    def checks(self) -> list[Check]:
        """Return the checks in the order in which a person reads them."""
        limit = self.patience + ALLOWANCE
        checks = [
            Check(CheckId.SERVICES, self._services, limit),
            Check(CheckId.DATABASE, self._database, limit),
            Check(CheckId.MODEL_RUNNER, self._model_runner, limit),
            Check(CheckId.MODELS, self._models, limit),
            disk_check(self.home, limit=limit),
            memory_check(limit=limit),
            parsers_check(self.reader, limit=limit),
        ]
        if self.kept is not None:
            checks += self._kept_checks(self.kept, limit)
        if self.backups is not None:
            checks.append(backups_check(self.backups, self.clock, limit=limit))
        if self.certificate is not None:
            checks.append(certificate_check(self.certificate, self.clock, limit=limit))
        if self.acme is not None:
            checks.append(acme_check(self.acme, self.clock, limit=limit))
        if self.state is not None:
            checks.append(audit_check(self.state, self.clock, limit=limit))
        if self.settings_file is not None:
            checks.append(environment_check(self.settings_file, limit=limit))
        return checks

    def _kept_checks(self, kept: Kept, limit: float) -> list[Check]:
        waits = {"patience": self.patience, "limit": limit}
        return [
            schema_check(partial(schema_state, kept.database), self._is_migrating, **waits),
            checksums_check(partial(page_checksums, kept.database), kept.folder, **waits),
            documents_check(kept.integrity.recorded, **waits),
        ]

    async def _is_migrating(self) -> bool:
        seen = await self.see()
        migration = seen.service(MIGRATION) if seen else None
        return migration is not None and migration.phase.is_transient

    async def _services(self) -> Answer:
        if seen := await self.see():
            return evaluate_services(seen)
        if self.has_systemd:
            return await ask_systemd()
        return unknown(CheckId.SERVICES, "The supervisor does not answer.")

    async def _database(self) -> CheckResult:
        seen, reading = await asyncio.gather(self.see(), self.database.read())
        service = seen.service(DATABASE) if seen else None
        if service and not service.phase.is_healthy:
            return evaluate_service(service, essential=True, check=CheckId.DATABASE)
        return evaluate_database(reading)

    async def _model_runner(self) -> CheckResult:
        seen, answer, chosen = await asyncio.gather(
            self.see(),
            ask_runner(self.runner, limit=self.patience),
            ask_chosen(self.chosen, limit=self.patience),
        )
        known = runner_condition(seen, elsewhere=self.elsewhere) if seen else None
        service = seen.service(MODEL_RUNNER) if seen else None
        return evaluate_model_runner(
            known or (RunnerCondition.ELSEWHERE if self.elsewhere else None),
            answer,
            needed=chosen is not None and chosen.is_made,
            address=self.runner_address,
            detail=_problem(service) if service else "",
        )

    async def _models(self) -> CheckResult:
        chosen, installed = await asyncio.gather(
            ask_chosen(self.chosen, limit=self.patience),
            ask_installed(self.runner, limit=self.patience),
        )
        return evaluate_models(chosen, installed)


def _problem(service: Service) -> str:
    """Say what the supervisor knows about a service that does not serve; nothing of others."""
    return "" if service.phase.is_healthy else evaluate_service(service, essential=False).sentence
