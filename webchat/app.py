"""The chat server: builds every long-lived object of its process and ends it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from aiohttp import web

from appliance.accounts.guard import Guard
from appliance.accounts.keys import ApiKeys
from appliance.accounts.secrets import Passwords
from appliance.accounts.service import Accounts
from appliance.answering.service import Answering
from appliance.conversations.service import Conversations
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.core.variables import MEBIBYTE
from appliance.db.pool import Database
from appliance.health.service import HealthService
from appliance.library.blobs import Blobs, Room, SystemDisk
from appliance.library.quota import Quotas
from appliance.library.reader_condition import published_reader
from appliance.library.service import LibraryService
from appliance.llm.bulk import EMBEDDING_TURN, BulkEmbedder
from appliance.llm.client import ModelRunner
from appliance.llm.condition import published_condition
from appliance.llm.service import ModelChoice
from appliance.retrieval.service import Retriever
from appliance.settings.live import LiveSettings
from appliance.shares.places import PlaceLocks
from appliance.shares.service import Shares
from appliance.shares.turns import MachineTurn
from appliance.web.assets import Assets
from appliance.web.errors import ErrorAnswers, remember_start
from appliance.web.headers import add_retry_after, add_security_headers
from appliance.web.markdown_worker import MarkdownWorker
from appliance.web.render import Renderer
from webchat import keys
from webchat.frame import frame
from webchat.login_redirect import send_to_sign_in
from webchat.readiness import readiness_checks
from webchat.routes import ROUTES

# Forms are small; uploads are streamed past this limit by their handlers.
_FORM_LIMIT = MEBIBYTE


def build(
    settings: Settings,
    clock: Clock,
    worker: int,
    database: Database,
    passwords: Passwords,
    version: str,
) -> web.Application:
    """Return the application of chat server number `worker`; it opens and closes `database`."""
    app = web.Application(client_max_size=_FORM_LIMIT)
    assets = Assets(["webchat"])
    renderer = Renderer(packages=["webchat"], assets=assets, clock=clock)
    know = published_condition(settings.runner_condition, elsewhere=settings.ollama_url is not None)
    know_reader = published_reader(settings.reader_condition)
    runner = ModelRunner(settings.runner_address, know=know)
    live = LiveSettings(database, clock, settings)
    accounts = Accounts(database, clock, passwords, live.session_lasts)
    api_keys = ApiKeys(database, clock)
    shares = Shares(settings, clock, PlaceLocks(database.address))
    guard = Guard(
        accounts,
        api_keys,
        secure_cookies=settings.secure_cookies,
        command_socket=settings.command_socket(worker),
        shares=shares,
        session_lasts=live.session_lasts,
    )
    retriever = Retriever(database, runner, clock)
    markdown = MarkdownWorker()
    blobs = Blobs(settings.documents, Room(), SystemDisk(), limit=live.upload_limit)

    app[keys.CLOCK] = clock
    app[keys.VERSION] = version
    app[keys.HEALTH] = HealthService(
        lambda: readiness_checks(
            settings, database, runner, ModelChoice(database, runner).chosen, know, know_reader
        )
    )
    app[keys.SETTINGS] = settings
    app[keys.LIVE] = live
    app[keys.DATABASE] = database
    app[keys.RUNNER] = runner
    app[keys.BULK_EMBEDDER] = BulkEmbedder(runner, MachineTurn(database.address, EMBEDDING_TURN))
    app[keys.SHARES] = shares
    app[keys.ASSETS] = assets
    app[keys.RENDERER] = renderer
    app[keys.GUARD] = guard
    app[keys.ACCOUNTS] = accounts
    app[keys.API_KEYS] = api_keys
    app[keys.READER] = know_reader
    app[keys.QUOTAS] = Quotas(database)
    app[keys.LIBRARY] = LibraryService(database, blobs, app[keys.QUOTAS])
    app[keys.RETRIEVER] = retriever
    app[keys.MARKDOWN] = markdown
    app[keys.CONVERSATIONS] = Conversations(database, markdown)
    app[keys.ANSWERING] = Answering(
        database,
        retriever,
        runner,
        clock,
        settings,
        worker,
        markdown=markdown,
        context_tokens=live.context_tokens,
        allowed_models=live.allowed_models,
        shares=shares,
    )

    _add_routes(app)
    return app


def _add_routes(app: web.Application) -> None:
    """Add what every request passes, what is opened and closed, and the routes."""
    guard, assets = app[keys.GUARD], app[keys.ASSETS]
    errors = ErrorAnswers(app[keys.RENDERER], frame, frame)
    app.middlewares.extend([guard.cookies, errors.middleware, send_to_sign_in])
    app.on_response_prepare.extend([remember_start, add_retry_after, add_security_headers])
    app.cleanup_ctx.append(_resources)
    app.on_shutdown.append(_end_answers)
    guard.add(app, ROUTES)
    app.add_routes(assets.routes())


async def _resources(app: web.Application) -> AsyncIterator[None]:
    """Open in order of need; close in reverse, answers first so that they can save themselves."""
    async with AsyncExitStack() as stack:
        database, runner, answering = app[keys.DATABASE], app[keys.RUNNER], app[keys.ANSWERING]
        live, markdown = app[keys.LIVE], app[keys.MARKDOWN]
        await stack.enter_async_context(database)
        await stack.enter_async_context(live)
        await stack.enter_async_context(runner)
        stack.push_async_callback(app[keys.RETRIEVER].aclose)
        stack.push_async_callback(app[keys.BULK_EMBEDDER].aclose)
        await stack.enter_async_context(markdown)
        await stack.enter_async_context(answering)
        yield


async def _end_answers(app: web.Application) -> None:
    """Let answers save themselves before the server waits for the sockets that show them."""
    await app[keys.ANSWERING].shut_down()
