"""The guided set-up: its steps in their order, and how far a machine is. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Step(StrEnum):
    """One step, in the order in which they are shown. The values are stored."""

    START = "start"
    NAMES = "names"
    TLS = "tls"
    OPERATORS = "operators"
    MODELS = "models"
    BACKUPS = "backups"
    CHECK = "check"

    @property
    def number(self) -> int:
        """The place of the step, counted from 1."""
        return list(Step).index(self) + 1


class StepState(StrEnum):
    """What was decided about a step."""

    OPEN = "open"
    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Decision:
    """A step that is no longer open, and who decided that."""

    step: str
    state: StepState
    decided_at: datetime
    decided_by: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the set-up of this machine is."""

    decisions: Mapping[Step, Decision]

    def state(self, step: Step) -> StepState:
        """Return what was decided about a step."""
        decision = self.decisions.get(step)
        return decision.state if decision else StepState.OPEN

    @property
    def open_steps(self) -> tuple[Step, ...]:
        """The steps about which nothing is decided yet."""
        return tuple(step for step in Step if step not in self.decisions)

    @property
    def skipped_steps(self) -> tuple[Step, ...]:
        """The steps that were skipped."""
        return tuple(step for step in Step if self.state(step) is StepState.SKIPPED)

    @property
    def is_finished(self) -> bool:
        """Whether every step is done or skipped."""
        return not self.open_steps

    @property
    def next_step(self) -> Step | None:
        """The first open step."""
        return next(iter(self.open_steps), None)

    def after(self, step: Step) -> Step | None:
        """Return the first open step behind this one, else the first open one."""
        behind = [each for each in self.open_steps if each.number > step.number]
        others = [each for each in self.open_steps if each is not step]
        return next(iter([*behind, *others]), None)
