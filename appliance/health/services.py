"""Checks of what Cloister runs: the supervisor and its units, the database, the models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from appliance.core.errors import ApplianceError
from appliance.core.process import run
from appliance.core.settings import Settings
from appliance.db.migrate import pending
from appliance.db.pool import Database, conninfo
from appliance.db.queries import Queries
from appliance.health.model import Check, Finding, failed, fine, judged, unknown, warning
from appliance.llm.choice import Chosen, Purpose, in_use, missing
from appliance.llm.client import ModelRunner
from appliance.llm.model import InstalledModel
from appliance.llm.service import ModelChoice
from appliance.probes.model import ProbeState
from appliance.probes.sql import SqlProbe

# Answers what the control socket says at /units.
AskUnits = Callable[[], Awaitable[dict[str, Any]]]
LISTED = ("systemctl", "list-units", "--all", "--plain", "--no-legend")
WELL = {"ready", "done"}
ON_PURPOSE = {"stopped", "stopping"}


class ServiceChecks:
    """Asks as the account that runs the supervisor: PostgreSQL and the sockets know no other."""

    def __init__(self, settings: Settings, runner_address: str, ask_units: AskUnits) -> None:
        self._settings = settings
        self._runner_address = runner_address
        self._ask_units = ask_units

    def checks(self) -> list[Check]:
        """Return the checks in the order in which a person reads them."""
        return [
            Check("supervisor", self.supervisor),
            Check("units", self.units),
            Check("database", self.database),
            Check("schema", self.schema),
            Check("model runner", self.model_runner),
            Check("models", self.models),
        ]

    async def supervisor(self) -> Finding:
        """Does it answer on its control socket?"""
        answer = await self._ask_units()
        return fine(f"It answers, and watches over {len(answer['units'])} units.")

    async def units(self) -> Finding:
        """How do the units stand?"""
        try:
            return judged_units(await self._ask_units())
        except ApplianceError:
            if not self._settings.packaged:
                return unknown("The supervisor does not answer.")
        # The units outlive the supervisor, and systemd knows how they stand.
        finished = await run((*LISTED, "cloister-*.service"), timeout=5.0)
        return judged_services(finished.stdout.decode())

    async def database(self) -> Finding:
        """Does PostgreSQL run a statement for us?"""
        queries = Queries("appliance.probes")
        reading = await SqlProbe(self._settings.database_socket, "cloister", queries).read()
        return judged(reading, "PostgreSQL", "`cloister logs postgres` says why.")

    async def schema(self) -> Finding:
        """Has every migration run?"""
        if not await self._database_answers():
            return unknown("The database does not answer.")
        missing = await pending(conninfo(self._settings.database_socket, "cloister"))
        if missing:
            sentence = f"These migrations have not run: {', '.join(missing)}."
            return failed(sentence, "`cloister restart migrate`, then `cloister logs migrate`.")
        return fine("The database has every table that this version needs.")

    async def model_runner(self) -> Finding:
        """Does it answer?"""
        units = await self._units_or_none()
        if units and (reason := _absence(units, "ollama")) and not self._settings.ollama_url:
            sentence = f"The model runner is {reason}."
            return warning(sentence, "Put the program at /usr/local/bin/ollama and restart.")
        try:
            async with ModelRunner(self._runner_address) as runner:
                return fine(f"Ollama {await runner.version()} answers.")
        except ApplianceError as error:
            hint = "`cloister logs ollama` says why. Until then, passages are quoted."
            return failed(error.message, hint)

    async def models(self) -> Finding:
        """Are models chosen, and are they there?"""
        if not await self._database_answers():
            return unknown("The database does not answer.")
        address = conninfo(self._settings.database_socket, "cloister")
        async with (
            Database(address, size=1) as database,
            ModelRunner(self._runner_address) as runner,
        ):
            chosen = await ModelChoice(database, runner).chosen()
            try:
                installed = await runner.models()
            except ApplianceError as error:
                # What to do about it stands beside the runner's own check.
                return unknown(error.message)
        return judged_models(chosen, installed)

    async def _database_answers(self) -> bool:
        queries = Queries("appliance.probes")
        reading = await SqlProbe(self._settings.database_socket, "cloister", queries).read()
        return reading.state is ProbeState.OK

    async def _units_or_none(self) -> dict[str, Any] | None:
        try:
            return await self._ask_units()
        except ApplianceError:
            return None


def _absence(answer: dict[str, Any], name: str) -> str | None:
    reasons: list[str] = [unit["reason"] for unit in answer["absent"] if unit["name"] == name]
    return next(iter(reasons), None)


def judged_models(chosen: Chosen, installed: Sequence[InstalledModel]) -> Finding:
    """Judge what is used for answers and for search."""
    hint = "`cloister model list`, then `cloister model use`."
    if gone := [name for _, name in missing(chosen, installed)]:
        return failed(f"Chosen, but not installed: {', '.join(gone)}.", hint)
    chat = in_use(Purpose.CHAT, chosen, installed)
    search = f"{chosen.searching} searches" if chosen.searching else "search goes by words alone"
    if chat is None:
        return warning(f"No model answers, so passages are quoted; {search}.", hint)
    return fine(f"{chat.name} answers; {search}.")


def judged_units(answer: dict[str, Any]) -> Finding:
    """Judge what the control socket answers about the units."""
    units = answer["units"]
    stopped = [unit["name"] for unit in units if unit["state"] in ON_PURPOSE]
    bad = [unit for unit in units if unit["state"] not in WELL | ON_PURPOSE]
    if bad:
        facts = "; ".join(f"{unit['name']} {unit['state']} ({unit['reason']})" for unit in bad)
        worst = bad[0]["name"]
        hint = f"`cloister logs {worst}` says why; when that is mended, `cloister start {worst}`."
        return failed(f"Not all units serve: {facts}.", hint)
    if stopped:
        sentence = f"Stopped on an operator's request: {', '.join(stopped)}."
        return warning(sentence, f"`cloister start {stopped[0]}` starts it again.")
    return fine(f"All {len(units)} serve: {', '.join(unit['name'] for unit in units)}.")


def judged_services(listed: str) -> Finding:
    """Judge what systemd lists about the units while no supervisor says more."""
    rows = [line.split() for line in listed.splitlines() if len(line.split()) >= 4]
    # UNIT LOAD ACTIVE SUB, then the description.
    states = {row[0].removesuffix(".service"): row[2] for row in rows}
    if not states:
        return unknown("Neither the supervisor nor systemd knows of any unit.")
    facts = ", ".join(f"{name} {state}" for name, state in states.items())
    sentence = f"Without the supervisor nobody restarts them: {facts}."
    return warning(sentence, "`systemctl status cloister` says why it does not run.")
