"""What becomes of settings on trial: they are kept in the database, or the file goes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from appliance.actors.model import Actor, CommandLine, Person
from appliance.actors.permissions import Role
from appliance.settings.entry import Value
from appliance.settings.service import OperatorSettings
from appliance.settings.starting import StartSettings, Texts
from appliance.trial.model import Facts


def facts_of(actor: Actor, values: Mapping[str, Value | None], before: Texts) -> Facts:
    """Return the facts of a trial: who tries which values, and what the file had before."""
    person = actor if isinstance(actor, Person) else None
    return {
        "account": str(person.id) if person else "",
        "by": actor.name,
        "values": json.dumps(dict(values)),
        "before": json.dumps(dict(before)),
    }


@dataclass(frozen=True, slots=True)
class TrialledSettings:
    """The end of a trial of settings. Until it is confirmed, only the file has the new values."""

    settings: OperatorSettings
    start: StartSettings

    async def keep(self, facts: Facts) -> None:
        """Store the values as those of the operator who tried them.

        Raises DatabaseUnavailableError.
        """
        actor: Actor = CommandLine()
        if facts["account"]:
            actor = Person(UUID(facts["account"]), facts["by"], Role.OPERATOR)
        values = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in json.loads(facts["values"]).items()
        }
        await self.settings.change(actor, values)

    async def undo(self, facts: Facts) -> None:
        """Go back to the values before. Raises StartFileError."""
        await put_back(self.start, facts)


async def put_back(start: StartSettings, facts: Facts) -> None:
    """Write the values before the trial into the file again. Needs no database.

    Raises StartFileError.
    """
    await start.write({**await start.texts(), **json.loads(facts["before"])})
