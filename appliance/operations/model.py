"""An operation is long work in a process of its own, with rights of its own, that ends by itself.

The supervisor, or root's command line, starts it. Both sides speak through the files of one folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Facts = Mapping[str, object]
"""What an operation is asked, or what it found: a JSON object."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of work. `name` is that of its folder, and what `cloister operation` gets.

    `unit` is the service that runs it where the package is installed.
    """

    name: str
    unit: str

    @property
    def argv(self) -> tuple[str, ...]:
        """The arguments with which `cloister` carries it out."""
        return ("operation", self.name)


class Outcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation is: a sentence, and bytes where they are known."""

    sentence: str
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation ended: what it found, or its error as code, facts and words."""

    outcome: Outcome
    found: Facts = field(default_factory=dict)
    code: str = ""
    facts: Facts = field(default_factory=dict)
    message: str = ""
    hint: str = ""


Report = Callable[[Progress], None]
"""Takes how far an operation is; it may be called often."""
