"""What the handlers of the console find in the application."""

from __future__ import annotations

import asyncio

from aiohttp import web

from admin.auth import ConsoleIdentity
from admin.checked_upload import CheckedUpload
from admin.database_breaker import Breaker
from admin.overview_facts import Machine
from admin.rescue import Rescue
from admin.units import Units
from appliance.accounts.guard import Guard
from appliance.accounts.keys import ApiKeys
from appliance.accounts.people import People
from appliance.accounts.service import Accounts
from appliance.acme.service import AcmeService
from appliance.audit.service import AuditLog
from appliance.backup_plan.keys import RecoveryKeys
from appliance.backup_plan.restoring import Restoring
from appliance.backup_plan.targets import TargetPlan
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.health.service import HealthService
from appliance.jobs.service import JobService
from appliance.library.queue import QueueService
from appliance.library.quota import Quotas
from appliance.llm.service import ModelChoice
from appliance.settings.changes import SettingChanges
from appliance.settings.live import LiveSettings
from appliance.settings.service import OperatorSettings
from appliance.settings.starting import StartSettings
from appliance.setup.check import SetupCheck
from appliance.setup.service import SetupService
from appliance.tls.service import Certificates
from appliance.trial.service import Trials
from appliance.web.render import Renderer

SETTINGS = web.AppKey("settings", Settings)
CLOCK = web.AppKey("clock", Clock)
VERSION = web.AppKey("version", str)
UNITS = web.AppKey("units", Units)
MACHINE = web.AppKey("machine", Machine)
HEALTH = web.AppKey("health", HealthService)
BREAKER = web.AppKey("breaker", Breaker)
RENDERER = web.AppKey("renderer", Renderer)
GUARD = web.AppKey("guard", Guard)
IDENTITY = web.AppKey("identity", ConsoleIdentity)
RESCUE = web.AppKey("rescue", Rescue)
AUDIT = web.AppKey("audit", AuditLog)
ACCOUNTS = web.AppKey("accounts", Accounts)
PEOPLE = web.AppKey("people", People)
API_KEYS = web.AppKey("api_keys", ApiKeys)
QUEUE = web.AppKey("queue", QueueService)
QUOTAS = web.AppKey("quotas", Quotas)
JOBS = web.AppKey("jobs", JobService)
LIVE = web.AppKey("live", LiveSettings)
TRIALS = web.AppKey("trials", Trials)
START = web.AppKey("start", StartSettings)
CHANGES = web.AppKey("changes", SettingChanges)
OPERATOR_SETTINGS = web.AppKey("operator_settings", OperatorSettings)
RECOVERY_KEYS = web.AppKey("recovery_keys", RecoveryKeys)
TARGETS = web.AppKey("targets", TargetPlan)
CERTIFICATES = web.AppKey("certificates", Certificates)
CHECKED_UPLOAD = web.AppKey("checked_upload", CheckedUpload)
ACME = web.AppKey("acme", AcmeService)
SETUP = web.AppKey("setup", SetupService)
SETUP_CHECK = web.AppKey("setup_check", SetupCheck)
RESTORING = web.AppKey("restoring", Restoring)
CHOICE = web.AppKey("choice", ModelChoice)
STOPPING = web.AppKey("stopping", asyncio.Event)
