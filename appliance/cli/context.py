"""What a verb has to work with: settings, output, and things that are opened when asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from appliance.accounts.model import Account
from appliance.accounts.people import People
from appliance.actors.model import CommandLine
from appliance.actors.permissions import Permission
from appliance.cli.control import Control
from appliance.cli.errors import NoOperatorError
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
    def control(self) -> Control:
        """The running supervisor."""
        settings = self.settings
        return Control(settings.control_socket, settings.home, packaged=settings.packaged)

    @property
    def runner_address(self) -> str:
        """The model runner: the one that OLLAMA_HOST names, or the appliance's own."""
        try:
            own_port = int((self.settings.models / "port").read_text())
        except (OSError, ValueError):
            return self.settings.runner_address
        return self.settings.ollama_url or f"http://127.0.0.1:{own_port}"

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """The running database as its owner."""
        address = conninfo(self.settings.database_socket, "cloister")
        async with Database(address, size=2) as database:
            yield database

    async def person(self, database: Database, name: str | None) -> Account:
        """Return the named person, or the operator who is there longest. Raises NoOperatorError."""
        people = People(database, self.clock)
        if name is not None:
            return await people.by_name(name)
        operators = [
            account
            for account in await people.all(CommandLine())
            if account.may(Permission.USE_CONSOLE)
        ]
        if not operators:
            raise NoOperatorError
        return min(operators, key=lambda account: account.created_at)
