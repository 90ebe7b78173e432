"""The settings of operators in the processes that use them: read at the start, then followed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Self

from appliance.core.clock import Clock
from appliance.core.errors import DatabaseUnavailableError
from appliance.core.settings import Settings
from appliance.core.start_settings import use_time_zone
from appliance.db.listen import Listener
from appliance.db.pool import Database
from appliance.settings.entry import Entry
from appliance.settings.model import (
    ALLOWED_MODELS,
    BANNER_TEXT,
    CONTEXT_TOKENS,
    SESSION_DAYS,
    UPLOAD_LIMIT,
    Setting,
    Stored,
    setting_of,
)
from appliance.settings.start_table import TIME_ZONE
from appliance.settings.store import SettingStore
from appliance.settings.word_entry import AnyEntry

logger = logging.getLogger(__name__)

CHANNEL = "core_setting"
# A change whose notice was lost, during an outage for example, is found after this time.
POLL_SECONDS = 30.0


class LiveSettings:
    """Follows the settings while the block lasts: `async with LiveSettings(...)`.

    Until the database has answered once, the values of the environment count. `use_zone` is called
    with the time zone each time that the settings were read.
    """

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._defaults = settings.defaults
        self.use_zone: Callable[[str], None] = use_time_zone
        self._notices = Listener(database.address, CHANNEL, clock)
        self._stored: dict[str, object] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for work in (self._follow(), self._listen()):
            self._tasks.append(asyncio.create_task(work, name="operator settings"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def upload_limit(self) -> int:
        """Return the size of the largest upload in bytes."""
        return self._value(UPLOAD_LIMIT)

    def context_tokens(self) -> int:
        """Return how many tokens a model is given to read."""
        return self._value(CONTEXT_TOKENS)

    def allowed_models(self) -> tuple[str, ...]:
        """Return the models that a request may name beside the ones in use."""
        value = self._setting(ALLOWED_MODELS).value
        return value if isinstance(value, tuple) else ()

    def banner(self) -> str:
        """Return the line that every page shows, or nothing."""
        return str(self._setting(BANNER_TEXT).value)

    def session_lasts(self) -> timedelta:
        """Return how long a browser stays signed in that does not come back."""
        return timedelta(days=self._value(SESSION_DAYS))

    def _value(self, entry: Entry) -> int:
        return self._setting(entry).number

    def _setting(self, entry: AnyEntry) -> Setting:
        return setting_of(entry, Stored(self._stored.get(entry.name)), self._defaults)

    async def load(self) -> None:
        """Read the settings now. Raises DatabaseUnavailableError."""
        async with self._database.connection() as connection:
            stored = await SettingStore(connection).followed()
        for name in sorted(stored.keys() | self._stored.keys()):
            if stored.get(name) != self._stored.get(name):
                logger.info("setting %s is now %s", name, stored.get(name, "the default"))
        self._stored = stored
        self.use_zone(str(self._setting(TIME_ZONE).value))

    async def _follow(self) -> None:
        """Read at the start, at each notice and at intervals; no failure ends the task."""
        fault = ""
        while True:
            self._wake.clear()
            try:
                await self.load()
                fault = ""
            except DatabaseUnavailableError:
                # The process says so itself where it matters.
                pass
            except Exception as error:  # noqa: BLE001 - the last known values go on to count
                if repr(error) != fault:
                    logger.warning("settings are not read: %r", error)
                fault = repr(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def _listen(self) -> None:
        async with contextlib.aclosing(self._notices.heard()) as notices:
            async for _ in notices:
                self._wake.set()
