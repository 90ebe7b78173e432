"""What a verb has to work with: settings, output, and things that are opened when asked for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from appliance.cli.connection import Connection
from appliance.cli.errors import NotRunningError, RightsMissingError, ServiceNotRunningError
from appliance.cli.output import Output
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.db.pool import Database, conninfo
from appliance.llm.client import DEFAULT_TIMEOUTS, ModelRunner
from appliance.llm.condition import published_condition
from appliance.llm.model import Timeouts


@dataclass(frozen=True, slots=True)
class Context:
    """One run of the command."""

    settings: Settings
    clock: Clock
    output: Output

    @property
    def control(self) -> Connection:
        """The running supervisor."""
        return Connection([self.settings.control_socket], self.not_running)

    @property
    def runner_address(self) -> str:
        """The model runner: the one that OLLAMA_HOST names, or the appliance's own."""
        try:
            own_port = int((self.settings.models / "port").read_text())
        except (OSError, ValueError):
            return self.settings.runner_address
        return self.settings.ollama_url or f"http://127.0.0.1:{own_port}"

    def model_runner(self, *, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> ModelRunner:
        """A client of the model runner, which says why it has no answer, as far as it is known."""
        know = published_condition(
            self.settings.runner_condition, elsewhere=self.settings.ollama_url is not None
        )
        return ModelRunner(self.runner_address, timeouts=timeouts, know=know)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """The running database as its owner. Raises RightsMissingError for other accounts."""
        self._check_rights()
        address = conninfo(self.settings.database_socket, "cloister")
        async with Database(address, size=2) as database:
            yield database

    def _check_rights(self) -> None:
        """Refuse an account that PostgreSQL would refuse: the owner's folder is closed to it."""
        folder = self.settings.control_socket.parent
        try:
            may = not folder.exists() or os.access(folder, os.R_OK | os.X_OK)
        except PermissionError:
            may = False
        if not may:
            raise RightsMissingError

    def not_running(self) -> NotRunningError:
        """Return the error that says that no supervisor runs."""
        if self.settings.packaged:
            return ServiceNotRunningError()
        return NotRunningError(home=self.settings.home)
