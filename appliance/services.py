"""The services of the supervisor's process, built once for the console and the control socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from appliance.accounts.keys import ApiKeys
from appliance.accounts.people import People
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.acme.records import AcmeRecords
from appliance.acme.service import AcmeService
from appliance.audit.outage_notes import OutageNotes
from appliance.audit.service import AuditLog
from appliance.audit.verification import Verifier
from appliance.backup_plan.keys import RecoveryKeys
from appliance.backup_plan.restore_notes import RestoreNotes
from appliance.backup_plan.targets import TargetPlan
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.service import JobService
from appliance.library.blobs import Blobs, Room, SystemDisk
from appliance.library.queue import QueueService
from appliance.library.quota import Quotas
from appliance.library.service import LibraryService
from appliance.llm.client import ModelRunner
from appliance.llm.service import ModelChoice
from appliance.offsite.targets import Targets
from appliance.operations.catalog import TLS
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.repository import catalog
from appliance.settings.changes import SettingChanges
from appliance.settings.live import LiveSettings
from appliance.settings.service import OperatorSettings
from appliance.settings.starting import StartSettings
from appliance.settings.trialled import TrialledSettings
from appliance.setup.check import SetupCheck
from appliance.setup.files import SetupFiles
from appliance.setup.front import open_front
from appliance.setup.service import SetupService
from appliance.tls.service import Certificates
from appliance.tls.web_server import WebServer, WithoutWebServer
from appliance.trial.model import Facts, TrialKind
from appliance.trial.service import Trials


@dataclass(frozen=True, slots=True)
class Services:
    """One of each. `database` has the role `cloister`; its builder opens and closes it."""

    database: Database
    runner: ModelRunner
    accounts: Accounts
    people: People
    api_keys: ApiKeys
    audit: AuditLog
    verifier: Verifier
    queue: QueueService
    quotas: Quotas
    jobs: JobService
    choice: ModelChoice
    operator_settings: OperatorSettings
    live: LiveSettings
    start: StartSettings
    changes: SettingChanges
    operations: OperationRunner
    recovery_keys: RecoveryKeys
    targets: TargetPlan
    restore_notes: RestoreNotes
    setup: SetupService
    setup_check: SetupCheck
    setup_files: SetupFiles
    certificates: Certificates
    acme: AcmeService
    trials: Trials


def build_services(  # noqa: PLR0913 - one argument for each thing outside of them
    settings: Settings,
    database: Database,
    runner: ModelRunner,
    clock: Clock,
    passwords: Passwords,
    operations: OperationRunner,
    *,
    web_server: WebServer | None = None,
) -> Services:
    """Return the services; none of them asks the database yet."""
    audit = AuditLog(database, OutageNotes(settings.state), clock)
    quotas = Quotas(database)
    people, api_keys = People(database, clock), ApiKeys(database, clock)
    # For the check alone: people upload to the chat servers.
    blobs = Blobs(settings.documents, Room(), SystemDisk())
    library, setup = LibraryService(database, blobs, quotas), SetupService(database, clock)
    chosen, choice = OperatorSettings(database, settings, clock), ModelChoice(database, runner)
    live, start = LiveSettings(database, clock, settings), StartSettings(settings, clock)
    trialled = TrialledSettings(chosen, start)
    undo: dict[TrialKind, Callable[[Facts], Awaitable[None]]] = {}
    undo[TrialKind.SETTINGS] = trialled.undo
    trials = Trials(settings.state, clock, undo, keep={TrialKind.SETTINGS: trialled.keep})
    ask = partial(operations.run, TLS, follower=NoFollower())
    serving = web_server or WithoutWebServer()
    certificates = Certificates(settings, clock, ask, serving, trials, audit)
    undo[TrialKind.CERTIFICATE] = certificates.undo
    changes = SettingChanges(chosen, start, trials, clock)
    lasts = timedelta(minutes=settings.claim_minutes)
    accounts = Accounts(database, clock, passwords, live.session_lasts, claim_lasts=lasts)
    targets = TargetPlan(Targets(settings.offsite), operations, audit)
    return Services(
        database=database,
        runner=runner,
        accounts=accounts,
        people=people,
        api_keys=api_keys,
        audit=audit,
        verifier=Verifier(database, settings.state, settings.backup / catalog.FILE, clock),
        queue=QueueService(database),
        quotas=quotas,
        jobs=JobService(database, clock),
        choice=choice,
        operator_settings=chosen,
        live=live,
        start=start,
        changes=changes,
        operations=operations,
        recovery_keys=RecoveryKeys(settings, clock, operations, audit),
        targets=targets,
        restore_notes=RestoreNotes(settings.state, clock),
        setup=setup,
        setup_check=SetupCheck(
            database, clock, setup, people, api_keys, library, partial(open_front, settings)
        ),
        setup_files=SetupFiles(accounts, people, chosen, changes, choice, runner, targets, setup),
        certificates=certificates,
        acme=AcmeService(
            settings, AcmeRecords(settings.state), operations, certificates, audit, clock
        ),
        trials=trials,
    )
