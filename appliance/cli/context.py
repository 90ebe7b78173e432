"""What a verb has to work with: settings, output, and things that are opened when asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from appliance.accounts.model import Account
from appliance.accounts.people import People
from appliance.cli.control import Control
from appliance.cli.errors import NoOperatorError
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

    def model_runner(self, *, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> ModelRunner:
        """A client of the model runner, which says why it has no answer, as far as it is known."""
        know = published_condition(
            self.settings.runner_condition, elsewhere=self.settings.ollama_url is not None
        )
        return ModelRunner(self.runner_address, timeouts=timeouts, know=know)

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
        operators = [account for account in await people.all(None) if account.is_operator]
        if not operators:
            raise NoOperatorError
        return min(operators, key=lambda account: account.created_at)
