"""Members with an API key each: shares are counted by account, so a crowd has to be one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from tests.appliance import Appliance

COUNT = 10
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Members:
    """The headers of ten members and of the one who takes all that is there."""

    ten: tuple[Headers, ...]
    heavy: Headers

    def in_turn(self) -> Iterator[Headers]:
        """Yield the ten without end."""
        return cycle(self.ten)


def add_members(appliance: Appliance) -> Members:
    """Add the accounts and their keys."""
    made = [_member(appliance, f"member{number}") for number in range(COUNT)]
    return Members(tuple(made), _member(appliance, "heavy"))


def _member(appliance: Appliance, name: str) -> Headers:
    appliance.cli("user", "add", name)
    key = appliance.cli("api-key", "create", "bench", "--user", name)["key"]
    return {"Authorization": f"Bearer {key}"}
