"""How the supervisor sees its services, in the supervisor's process and behind its socket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.health.service_words import (
    DATABASE,
    DOCUMENT_READER,
    MODEL_RUNNER,
    needs_database,
    subject_of,
)
from appliance.library.reader_condition import ReaderCondition
from appliance.llm.condition import RunnerCondition
from appliance.supervisor.model import Phase, UnitView
from appliance.units.model import Absent

HELD_UP = "waiting"


@dataclass(frozen=True, slots=True)
class Service:
    """One service; `stopped_by` is who stopped it, where an operator did and it is known."""

    name: str
    phase: Phase
    since: datetime
    reason: str
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """All services, and the reasons why others are not on this machine, by their names."""

    services: tuple[Service, ...]
    absent: Mapping[str, str]

    def service(self, name: str) -> Service | None:
        """Return one service, or None when it is not on this machine."""
        return next((service for service in self.services if service.name == name), None)

    def is_held_up(self, service: Service) -> bool:
        """Whether the service runs, and cannot serve because the database does not."""
        database = self.service(DATABASE)
        if database is None or database.phase.is_healthy or service.phase.is_finished:
            return False
        return service.phase.is_healthy and needs_database(service.name)

    def state_of(self, service: Service) -> str:
        """Return the word for the state of the service: what is held up is not ready."""
        return HELD_UP if self.is_held_up(service) else service.phase

    def reason_of(self, service: Service) -> str:
        """Return why the service is in its state."""
        return f"needs {subject_of(DATABASE)}" if self.is_held_up(service) else service.reason


def seen_in_process(units: Iterable[UnitView], absent: Iterable[Absent]) -> Seen:
    """Return what the supervisor says in its own process."""
    services = (
        Service(unit.name, unit.phase, unit.since, unit.reason, unit.stopped_by) for unit in units
    )
    return Seen(tuple(services), {each.name: each.reason for each in absent})


def seen_by_socket(answer: Mapping[str, Any]) -> Seen:
    """Return what the supervisor answers at /units on its control socket."""
    services = (
        Service(
            unit["name"],
            Phase(unit["state"]),
            datetime.fromisoformat(unit["since"]),
            unit["reason"],
            unit.get("stopped_by"),
        )
        for unit in answer["units"]
    )
    absent = {each["name"]: each["reason"] for each in answer["absent"]}
    return Seen(tuple(services), absent)


def runner_condition(seen: Seen, *, elsewhere: bool) -> RunnerCondition:
    """Return how the model runner is; `elsewhere` says that OLLAMA_HOST names another one. Pure."""
    runner = seen.service(MODEL_RUNNER)
    if runner is None:
        return RunnerCondition.ELSEWHERE if elsewhere else RunnerCondition.NOT_INSTALLED
    if runner.phase.is_healthy:
        return RunnerCondition.SERVING
    if runner.phase.is_intended:
        return RunnerCondition.STOPPED
    if runner.phase.is_transient:
        return RunnerCondition.STARTING
    return RunnerCondition.HUNG if runner.phase.has_process else RunnerCondition.FAILING


def reader_condition(seen: Seen) -> ReaderCondition | None:
    """Return how the document reader is; None where there is none. Pure."""
    reader = seen.service(DOCUMENT_READER)
    if reader is None:
        return None
    if reader.phase.is_healthy:
        return ReaderCondition.SERVING
    if reader.phase.is_intended:
        return ReaderCondition.STOPPED
    if reader.phase.can_be_started:
        return ReaderCondition.GIVEN_UP
    return ReaderCondition.RECOVERING
