"""The services of the supervisor's process, built once for the console and the control socket."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from appliance.accounts.keys import ApiKeys
from appliance.accounts.people import People
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.audit.service import AuditLog
from appliance.backup_plan.keys import RecoveryKeys
from appliance.backup_plan.restore_notes import RestoreNotes
from appliance.backup_plan.targets import TargetPlan
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.jobs.service import JobService
from appliance.library.queue import QueueService
from appliance.library.quota import Quotas
from appliance.llm.client import ModelRunner
from appliance.llm.service import ModelChoice
from appliance.offsite.targets import Targets
from appliance.operations.catalog import TLS
from appliance.operations.runner import NoFollower, OperationRunner
from appliance.settings.changes import SettingChanges
from appliance.settings.live import LiveSettings
from appliance.settings.service import OperatorSettings
from appliance.settings.starting import StartSettings
from appliance.settings.trialled import TrialledSettings
from appliance.tls.service import Certificates
from appliance.tls.web_server import WebServer, WithoutWebServer
from appliance.trial.model import TrialKind
from appliance.trial.service import Act, Trials


@dataclass(frozen=True, slots=True)
class Services:
    """One of each. `database` has the role `cloister`; its builder opens and closes it."""

    database: Database
    runner: ModelRunner
    accounts: Accounts
    people: People
    api_keys: ApiKeys
    audit: AuditLog
    queue: QueueService
    quotas: Quotas
    jobs: JobService
    choice: ModelChoice
    operator_settings: OperatorSettings
    live: LiveSettings
    start: StartSettings
    trials: Trials
    changes: SettingChanges
    operations: OperationRunner
    recovery_keys: RecoveryKeys
    targets: TargetPlan
    restore_notes: RestoreNotes
    certificates: Certificates


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
    audit = AuditLog(database)
    chosen = OperatorSettings(database, settings, clock)
    live, start = LiveSettings(database, clock, settings), StartSettings(settings, clock)
    trialled = TrialledSettings(chosen, start)
    undo: dict[TrialKind, Act] = {TrialKind.SETTINGS: trialled.undo}
    trials = Trials(settings.state, clock, undo, keep={TrialKind.SETTINGS: trialled.keep})
    ask = partial(operations.run, TLS, follower=NoFollower())
    serving = web_server or WithoutWebServer()
    certificates = Certificates(settings, clock, ask, serving, trials, audit)
    undo[TrialKind.CERTIFICATE] = certificates.undo
    return Services(
        database=database,
        runner=runner,
        accounts=Accounts(database, clock, passwords, live.session_lasts),
        people=People(database, clock),
        api_keys=ApiKeys(database, clock),
        audit=audit,
        queue=QueueService(database),
        quotas=Quotas(database),
        jobs=JobService(database, clock),
        choice=ModelChoice(database, runner),
        operator_settings=chosen,
        live=live,
        start=start,
        trials=trials,
        changes=SettingChanges(chosen, start, trials, clock),
        operations=operations,
        recovery_keys=RecoveryKeys(settings, clock, operations, audit),
        targets=TargetPlan(Targets(settings.offsite), operations, audit),
        restore_notes=RestoreNotes(settings.state, clock),
        certificates=certificates,
    )
