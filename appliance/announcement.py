"""What the supervisor prints while it starts: which services are ready, and what to open."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.accounts.service import Accounts
from appliance.actors.model import System
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, Audience, DatabaseUnavailableError
from appliance.core.settings import Settings
from appliance.health.service import HealthService
from appliance.supervisor.loop import Supervisor
from appliance.supervisor.model import Phase
from appliance.units.model import Absent
from appliance.web.formats import count_of

Say = Callable[[str], None]
_CLAIM_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Announcement:
    """The start, line by line. `say` prints one line."""

    settings: Settings
    supervisor: Supervisor
    absent: Sequence[Absent]
    health: HealthService
    accounts: Accounts
    clock: Clock
    say: Say

    async def run(self) -> None:
        """Print lines until every service is settled, then the addresses and a claim link."""
        for absent in self.absent:
            self.say(f"  {absent.name:12} {absent.state}: {absent.reason}")
        started = self.clock.monotonic()
        await self._services()
        health = await self.health.current()
        took = f"after {self.clock.monotonic() - started:.1f} s"
        self.say(f"Ready {took}." if health.is_ready else f"Not ready {took}: {health.headline}.")
        for problem in health.problems:
            self.say(f"  {problem.state}: {problem.sentence}")
        # The journal is no place for a code: `cloister claim` prints one for the operator.
        if self._addresses() and not self.settings.packaged:
            await self._claim_link()
            self.say("Ctrl-C stops everything.")

    async def _services(self) -> None:
        """Print which service became ready or failed, until all are settled."""
        printed: dict[str, Phase] = {}
        async for names in self.supervisor.subscribe():
            for view in map(self.supervisor.view, names):
                phase = view.phase
                is_news = phase.is_healthy or phase.is_broken
                if is_news and printed.get(view.name) is not phase:
                    printed[view.name] = phase
                    self.say(f"  {view.name:12} {phase if phase.is_healthy else view.reason}")
            settled = all(view.phase.is_settled for view in self.supervisor.units())
            if self.supervisor.all_ready or settled:
                return

    def _addresses(self) -> bool:
        """Print what to open; False when another program may answer at the console's address."""
        settings = self.settings
        front = "nginx" if settings.nginx else "webchat@1"
        serves = self.supervisor.view(front).phase.is_healthy
        if serves:
            self.say(f"Chat      {settings.address}/")
        if serves or not settings.nginx:
            self.say(f"Console   {settings.console_address}/admin/")
            return True
        self.say(f"There is no address to open: {front} does not serve. Ctrl-C stops everything.")
        return False

    async def _claim_link(self) -> None:
        try:
            if code := await self._claim_code():
                minutes = count_of(self.settings.claim_minutes, "minute")
                self.say(
                    f"This machine has no operator yet. Open this link within {minutes}, once:"
                )
                self.say(f"          {self.settings.console_address}/admin/claim#{code}")
                self.say("After that, “cloister claim” prints a new one.")
        except ApplianceError as error:
            words = error.words_for(Audience.COMMAND_LINE)
            self.say(f"{words.sentence} {words.hint}")

    async def _claim_code(self) -> str | None:
        """Return the code for the first operator, or None when there is one already.

        The pool's attempts failed while PostgreSQL started, and its next may be seconds away.
        """
        for _ in range(_CLAIM_ATTEMPTS):
            with contextlib.suppress(DatabaseUnavailableError):
                if await self.accounts.is_claimed():
                    return None
                return (await self.accounts.new_claim_code(System())).text
        raise DatabaseUnavailableError
