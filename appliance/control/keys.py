"""What the handlers of the control socket find in the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from appliance.accounts.keys import ApiKeys
from appliance.accounts.people import People
from appliance.acme.service import AcmeService
from appliance.audit.model import AuditEvent
from appliance.audit.service import AuditLog
from appliance.backup_plan.keys import RecoveryKeys
from appliance.backup_plan.restore_notes import RestoreNotes
from appliance.backup_plan.targets import TargetPlan
from appliance.jobs.service import JobService
from appliance.library.quota import Quotas
from appliance.llm.client import ModelRunner
from appliance.llm.service import ModelChoice
from appliance.settings.changes import SettingChanges
from appliance.settings.service import OperatorSettings
from appliance.setup.files import SetupFiles
from appliance.supervisor.loop import Supervisor
from appliance.tls.service import Certificates
from appliance.trial.service import Trials
from appliance.units.model import Absent

Record = Callable[[AuditEvent], Awaitable[None]]
Report = Callable[[], Awaitable[Mapping[str, object]]]


async def _without_tls() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the command line may ask besides the services.

    `absent` is what this machine lacks; `health` says whether all that was set up works, and what
    does not; `new_rescue_code` makes the code for the console that
    works without the database; `record` adds an event of the command line to the audit and never
    fails; `addresses` returns those of the sites, as people open them at this moment;
    `fingerprint` is that of the certificate which they are shown, or empty.
    """

    absent: tuple[Absent, ...]
    new_rescue_code: Callable[[], str]
    record: Record
    health: Report
    addresses: Callable[[], Mapping[str, str]] = dict
    fingerprint: Callable[[], Awaitable[str]] = _without_tls


SUPERVISOR = web.AppKey("supervisor", Supervisor)
SURROUNDINGS = web.AppKey("surroundings", Surroundings)
PEOPLE = web.AppKey("people", People)
QUOTAS = web.AppKey("quotas", Quotas)
API_KEYS = web.AppKey("api_keys", ApiKeys)
AUDIT = web.AppKey("audit", AuditLog)
RECOVERY_KEYS = web.AppKey("recovery_keys", RecoveryKeys)
TARGETS = web.AppKey("targets", TargetPlan)
RESTORE_NOTES = web.AppKey("restore_notes", RestoreNotes)
CHOICE = web.AppKey("choice", ModelChoice)
JOBS = web.AppKey("jobs", JobService)
CHANGES = web.AppKey("changes", SettingChanges)
TRIALS = web.AppKey("trials", Trials)
OPERATOR_SETTINGS = web.AppKey("operator_settings", OperatorSettings)
CERTIFICATES = web.AppKey("certificates", Certificates)
ACME = web.AppKey("acme", AcmeService)
SETUP_FILES = web.AppKey("setup_files", SetupFiles)
RUNNER = web.AppKey("runner", ModelRunner)
