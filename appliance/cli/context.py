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
