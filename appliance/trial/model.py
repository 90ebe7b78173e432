"""A change on trial: it is undone unless an operator confirms it in time. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

LASTS = timedelta(seconds=60)

Facts = Mapping[str, str]
"""What the undoing of a change needs to know, such as the values before it."""


class TrialKind(StrEnum):
    """What is on trial."""

    SETTINGS = "settings"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Trial:
    """One change that is undone at `ends`.

    The holder of `token` may confirm it, also in a browser that is not signed in: at a new address
    a browser does not send the cookies of the old one.
    """

    id: str
    kind: TrialKind
    facts: Facts
    started: datetime
    ends: datetime
    token: str = field(repr=False)

    def left(self, now: datetime) -> timedelta:
        """Return how much time is left; never more than a trial lasts, whatever the clock did."""
        return min(max(self.ends - now, timedelta()), LASTS)
