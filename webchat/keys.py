"""Keys of the objects that the application holds for the handlers of the chat site."""

from __future__ import annotations

from aiohttp import web

from appliance.accounts.guard import Guard
from appliance.accounts.keys import ApiKeys
from appliance.accounts.service import Accounts
from appliance.answering.service import Answering
from appliance.conversations.service import Conversations
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.health.service import HealthService
from appliance.library.quota import Quotas
from appliance.library.reader_condition import KnowReader
from appliance.library.service import LibraryService
from appliance.llm.bulk import BulkEmbedder
from appliance.llm.client import ModelRunner
from appliance.retrieval.service import Retriever
from appliance.settings.live import LiveSettings
from appliance.shares.service import Shares
from appliance.web.assets import Assets
from appliance.web.markdown_worker import MarkdownWorker
from appliance.web.render import Renderer

CLOCK = web.AppKey("clock", Clock)
VERSION = web.AppKey("version", str)
HEALTH = web.AppKey("health", HealthService)
SETTINGS = web.AppKey("settings", Settings)
LIVE = web.AppKey("live", LiveSettings)
DATABASE = web.AppKey("database", Database)
RUNNER = web.AppKey("runner", ModelRunner)
BULK_EMBEDDER = web.AppKey("bulk_embedder", BulkEmbedder)
SHARES = web.AppKey("shares", Shares)
ASSETS = web.AppKey("assets", Assets)
MARKDOWN = web.AppKey("markdown", MarkdownWorker)
RENDERER = web.AppKey("renderer", Renderer)
GUARD = web.AppKey("guard", Guard)
ACCOUNTS = web.AppKey("accounts", Accounts)
API_KEYS = web.AppKey("api_keys", ApiKeys)
READER: web.AppKey[KnowReader] = web.AppKey("reader")
LIBRARY = web.AppKey("library", LibraryService)
QUOTAS = web.AppKey("quotas", Quotas)
RETRIEVER = web.AppKey("retriever", Retriever)
CONVERSATIONS = web.AppKey("conversations", Conversations)
ANSWERING = web.AppKey("answering", Answering)
