"""The chat server: builds every long-lived object of its process and ends it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from aiohttp import web

from appliance.accounts.guard import Guard
from appliance.accounts.keys import ApiKeys
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.core.clock import Clock
from appliance.core.settings import MEBIBYTE, Settings
from appliance.db.pool import Database, conninfo
from appliance.llm.client import ModelRunner
from appliance.web import flash
from appliance.web.assets import Assets
from appliance.web.errors import ErrorAnswers, remember_start
from appliance.web.headers import add_security_headers
from appliance.web.render import Renderer
from webchat import keys
from webchat.answering.service import Answering
from webchat.conversations.service import Conversations
from webchat.frame import frame
from webchat.library.service import Library
from webchat.retrieval.service import Retriever
from webchat.routes import ROUTES
from webchat.signed_out import send_to_sign_in

# Forms are small; uploads are streamed past this limit by their handlers.
_FORM_LIMIT = MEBIBYTE


def build(settings: Settings, clock: Clock, worker: int) -> web.Application:
    """Return the application of chat server number `worker`."""
    app = web.Application(client_max_size=_FORM_LIMIT)
    assets = Assets(["webchat"])
    renderer = Renderer(packages=["webchat"], assets=assets, clock=clock)
    database = Database(conninfo(settings.database_socket, "cloister_chat"), size=12)
    runner = ModelRunner(settings.runner_address)
    accounts = Accounts(database, clock, Passwords())
    api_keys = ApiKeys(database, clock)
    guard = Guard(accounts, api_keys, secure_cookies=settings.secure_cookies)
    retriever = Retriever(database, runner, clock)

    app[keys.SETTINGS] = settings
    app[keys.DATABASE] = database
    app[keys.RUNNER] = runner
    app[keys.ASSETS] = assets
    app[keys.RENDERER] = renderer
    app[keys.GUARD] = guard
    app[keys.ACCOUNTS] = accounts
    app[keys.API_KEYS] = api_keys
    app[keys.LIBRARY] = Library(database, settings, clock)
    app[keys.RETRIEVER] = retriever
    app[keys.CONVERSATIONS] = Conversations(database)
    app[keys.ANSWERING] = Answering(database, retriever, runner, clock, settings, worker)

    answers = ErrorAnswers(renderer, frame, frame)
    app.middlewares.extend([answers.middleware, send_to_sign_in])
    for signal in (
        remember_start,
        add_security_headers,
        flash.forget_shown,
        guard.set_visitor_cookie,
    ):
        app.on_response_prepare.append(signal)
    app.cleanup_ctx.append(_resources)
    guard.add(app, ROUTES)
    app.add_routes(assets.routes())
    return app


async def _resources(app: web.Application) -> AsyncIterator[None]:
    """Open in order of need; close in reverse, answers first so that they can save themselves."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app[keys.DATABASE])
        await stack.enter_async_context(app[keys.RUNNER])
        await stack.enter_async_context(app[keys.ANSWERING])
        yield
