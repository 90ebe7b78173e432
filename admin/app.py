"""The operator's console: an application inside the supervisor's process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from admin import keys
from admin.auth import ConsoleIdentity
from admin.database_breaker import Breaker
from admin.frame import frame
from admin.login_redirect import redirect_to_login
from admin.machine import Machine
from admin.rescue import Rescue
from admin.routes import ROUTES
from admin.units import Units
from appliance.accounts.guard import Guard
from appliance.accounts.people import People
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.audit.service import AuditLog
from appliance.core.clock import Clock
from appliance.core.settings import MEBIBYTE, Settings
from appliance.db.pool import Database
from appliance.jobs.service import JobService
from appliance.library.queue import QueueService
from appliance.llm.client import ModelRunner
from appliance.llm.service import ModelChoice
from appliance.units.model import Absent
from appliance.web.assets import Assets
from appliance.web.errors import ErrorAnswers, remember_start
from appliance.web.headers import add_security_headers
from appliance.web.render import Renderer

_FORM_LIMIT = MEBIBYTE


@dataclass(frozen=True, slots=True)
class Console:
    """What the console is given; the caller opens and closes them.

    `database` has the role `cloister`. `passwords` can be cheaper in tests.
    """

    settings: Settings
    clock: Clock
    units: Units
    absent: tuple[Absent, ...]
    database: Database
    runner: ModelRunner
    rescue: Rescue
    passwords: Passwords = field(default_factory=Passwords)


def build(console: Console) -> web.Application:
    """Return the console's application."""
    app = web.Application(client_max_size=_FORM_LIMIT)
    assets = Assets(["admin"], prefix="/admin")
    renderer = Renderer(packages=["admin"], assets=assets, clock=console.clock)
    _add_services(app, console)
    guard = Guard(app[keys.IDENTITY], secure_cookies=console.settings.secure_cookies)
    app[keys.RENDERER] = renderer
    app[keys.GUARD] = guard
    app[keys.STOPPING] = asyncio.Event()

    answers = ErrorAnswers(renderer, frame, frame)
    app.middlewares.extend([guard.cookies, answers.middleware, redirect_to_login])
    app.on_response_prepare.extend([remember_start, add_security_headers])
    app.on_shutdown.append(_end_streams)
    guard.add(app, ROUTES)
    app.add_routes(assets.routes())
    return app


def _add_services(app: web.Application, console: Console) -> None:
    settings, clock, database = console.settings, console.clock, console.database
    breaker, runner = Breaker(clock), console.runner
    accounts = Accounts(database, clock, console.passwords)
    queue, choice = QueueService(database), ModelChoice(database, runner)
    # Earlier versions kept sessions of operators there.
    (settings.state / "console-sessions.json").unlink(missing_ok=True)

    app[keys.SETTINGS] = settings
    app[keys.CLOCK] = clock
    app[keys.UNITS] = console.units
    app[keys.MACHINE] = Machine(settings.home, console.absent, breaker, queue, runner, choice)
    app[keys.BREAKER] = breaker
    app[keys.IDENTITY] = ConsoleIdentity(accounts, breaker, console.rescue)
    app[keys.RESCUE] = console.rescue
    app[keys.AUDIT] = AuditLog(database)
    app[keys.ACCOUNTS] = accounts
    app[keys.PEOPLE] = People(database, clock)
    app[keys.QUEUE] = queue
    app[keys.JOBS] = JobService(database, clock)
    app[keys.CHOICE] = choice


async def _end_streams(app: web.Application) -> None:
    app[keys.STOPPING].set()
