"""The operator's console: an application inside the supervisor's process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from admin import keys
from admin.auth import ConsoleIdentity
from admin.checked_upload import CheckedUpload
from admin.database_breaker import Breaker
from admin.frame import frame
from admin.login_redirect import redirect_to_login
from admin.overview_facts import Machine
from admin.rescue import Rescue
from admin.routes import ROUTES
from admin.units import Units
from appliance.accounts.guard import Guard
from appliance.backup_plan.facts import read_facts
from appliance.backup_plan.restoring import Restoring
from appliance.core.clock import Clock
from appliance.core.errors import Audience
from appliance.core.settings import ENVIRONMENT_FILE, Settings
from appliance.core.variables import MEBIBYTE
from appliance.health.appliance import PATIENCE, ApplianceChecks, kept
from appliance.health.checks.acme import ask_acme
from appliance.health.checks.certificate import ask_certificate
from appliance.health.checks.database import database_probe
from appliance.health.checks.models import AskChosen
from appliance.health.seen import Seen, seen_in_process
from appliance.health.service import HealthService
from appliance.services import Services
from appliance.units.model import Absent
from appliance.web.assets import Assets
from appliance.web.errors import ErrorAnswers, remember_start
from appliance.web.headers import add_retry_after, add_security_headers
from appliance.web.render import Renderer

_FORM_LIMIT = MEBIBYTE


@dataclass(frozen=True, slots=True)
class Console:
    """What the console is given; its builder opens and closes it.

    `version` is shown at the foot of every page.
    """

    settings: Settings
    clock: Clock
    units: Units
    absent: tuple[Absent, ...]
    services: Services
    rescue: Rescue
    version: str


def build(console: Console) -> web.Application:
    """Return the console's application."""
    app = web.Application(client_max_size=_FORM_LIMIT)
    assets = Assets(["admin"], prefix="/admin")
    renderer = Renderer(packages=["admin"], assets=assets, clock=console.clock)
    _add_services(app, console)
    guard = Guard(
        app[keys.IDENTITY],
        secure_cookies=console.settings.secure_cookies,
        session_lasts=console.services.live.session_lasts,
    )
    app[keys.RENDERER] = renderer
    app[keys.GUARD] = guard
    app[keys.STOPPING] = asyncio.Event()

    answers = ErrorAnswers(renderer, frame, frame, Audience.OPERATOR)
    app.middlewares.extend([guard.cookies, answers.middleware, redirect_to_login])
    app.on_response_prepare.extend([remember_start, add_retry_after, add_security_headers])
    app.on_shutdown.append(_end_streams)
    app.on_cleanup.extend([_end_restore, _forget_upload])
    guard.add(app, ROUTES)
    app.add_routes(assets.routes())
    return app


def _add_services(app: web.Application, console: Console) -> None:
    settings, clock, services = console.settings, console.clock, console.services
    breaker = Breaker(clock)
    # Earlier versions kept sessions of operators there.
    (settings.state / "console-sessions.json").unlink(missing_ok=True)

    app[keys.SETTINGS] = settings
    app[keys.CLOCK] = clock
    app[keys.VERSION] = console.version
    app[keys.UNITS] = console.units
    app[keys.MACHINE] = Machine(settings.home, console.absent, breaker, services)
    app[keys.HEALTH] = _health_service(console, lambda: breaker.ask(services.choice.chosen))
    app[keys.BREAKER] = breaker
    app[keys.IDENTITY] = ConsoleIdentity(services.accounts, breaker, console.rescue)
    app[keys.RESCUE] = console.rescue
    app[keys.AUDIT] = services.audit
    app[keys.ACCOUNTS] = services.accounts
    app[keys.PEOPLE] = services.people
    app[keys.API_KEYS] = services.api_keys
    app[keys.QUEUE] = services.queue
    app[keys.QUOTAS] = services.quotas
    app[keys.JOBS] = services.jobs
    app[keys.OPERATOR_SETTINGS] = services.operator_settings
    app[keys.LIVE] = services.live
    app[keys.TRIALS] = services.trials
    app[keys.CHANGES] = services.changes
    app[keys.START] = services.start
    app[keys.CHOICE] = services.choice
    app[keys.RECOVERY_KEYS] = services.recovery_keys
    app[keys.TARGETS] = services.targets
    app[keys.CERTIFICATES] = services.certificates
    app[keys.CHECKED_UPLOAD] = CheckedUpload()
    app[keys.ACME] = services.acme
    app[keys.SETUP] = services.setup
    app[keys.SETUP_CHECK] = services.setup_check
    app[keys.RESTORING] = Restoring(
        clock,
        services.operations,
        services.audit,
        services.restore_notes,
        units=lambda: [unit.name for unit in console.units.units()],
        serves=lambda name: console.units.view(name).phase.is_healthy,
        restart=console.units.restart,
    )


def _health_service(console: Console, chosen: AskChosen) -> HealthService:
    settings = console.settings

    async def see() -> Seen:
        return seen_in_process(console.units.units(), console.absent)

    checks = ApplianceChecks(
        home=settings.home,
        see=see,
        database=database_probe(console.services.database.address, limit=PATIENCE),
        runner=console.services.runner,
        runner_address=settings.runner_address,
        chosen=chosen,
        reader=settings.ingest_socket,
        elsewhere=settings.ollama_url is not None,
        settings_file=ENVIRONMENT_FILE if settings.packaged else None,
        kept=kept(console.services.database, settings),
        backups=lambda: read_facts(settings),
        certificate=ask_certificate(settings),
        acme=ask_acme(settings),
        state=settings.state,
        clock=console.clock,
    )
    return HealthService(checks.checks)


async def _end_restore(app: web.Application) -> None:
    await app[keys.RESTORING].close()


async def _forget_upload(app: web.Application) -> None:
    app[keys.CHECKED_UPLOAD].forget()


async def _end_streams(app: web.Application) -> None:
    app[keys.STOPPING].set()
