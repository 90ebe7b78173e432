"""Operations that a test answers itself, as their processes would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Facts, Operation, Outcome, Result
from appliance.operations.runner import OperationRunner
from appliance.operations.work import failure

Answer = Callable[[Facts], Facts]


@dataclass
class FakeOperations:
    """A Starter whose operations end at their start, unless `held` has their names.

    `answers` has what each finds, by its name; one that raises an error ends with it. Without an
    answer the process ends without a word. `requests` keeps what was asked, in order.
    """

    folder: Path
    answers: dict[str, Answer] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    keeps_operations: bool = False
    requests: list[tuple[str, Facts]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=set)

    async def runs(self, operation: Operation) -> bool:
        return operation.name in self.running

    async def start(self, operation: Operation) -> None:
        folder = OperationFolder(self.folder / operation.name)
        request = folder.take_request()
        self.requests.append((operation.name, request))
        if operation.name in self.held:
            self.running.add(operation.name)
        elif answer := self.answers.get(operation.name):
            folder.end(_result(answer, request))

    async def stop(self, operation: Operation) -> None:
        self.stopped.append(operation.name)
        self.running.discard(operation.name)

    def finish(self, name: str, found: Facts) -> None:
        """Let a held operation end."""
        OperationFolder(self.folder / name).end(Result(Outcome.DONE, found))
        self.running.discard(name)

    def asked(self, name: str) -> list[Facts]:
        """Return the requests of one operation."""
        return [request for operation, request in self.requests if operation == name]


def _result(answer: Answer, request: Facts) -> Result:
    try:
        return Result(Outcome.DONE, answer(request))
    except ApplianceError as error:
        return failure(error)


def fake_runner(folder: Path, clock: Clock) -> tuple[OperationRunner, FakeOperations]:
    """Return a runner and the operations that it starts."""
    operations = FakeOperations(folder)
    return OperationRunner(folder, operations, clock), operations
