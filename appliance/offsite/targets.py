"""The targets on disk: what an operator has set up, and how copies to it went.

`N.json` holds what is needed to reach target N, with its secret; the supervisor writes it, and only
the account that copies reads it as well. `N.state.json` is written by that account.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.core.files import PRIVATE, write_atomically
from appliance.core.json_values import plain
from appliance.core.settings import MOST_TARGETS
from appliance.offsite.entry import target_from
from appliance.offsite.errors import TargetInvalidError, TargetMissingError
from appliance.offsite.model import Protection, Target, TargetKind, TargetState

_MODE = 0o640
_TIMES = ("prepared_at", "tried_at", "complete_at", "models_at", "next_try_at")
_REACHED_BY = ("kind", "place", "user", "identity", "region")
_PUBLIC = tuple(field.name for field in fields(Target) if field.name != "secret")


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets in a folder. A file that cannot be read counts as none."""

    folder: Path

    async def targets(self) -> tuple[Target, ...]:
        """Return all targets, by their numbers."""
        found = [await self.find(number) for number in range(1, MOST_TARGETS + 1)]
        return tuple(target for target in found if target is not None)

    async def find(self, number: int) -> Target | None:
        """Return a target; None where there is none."""
        found = await asyncio.to_thread(_read, self._file(number))
        try:
            return _target(number, found) if found else None
        except (KeyError, TypeError, ValueError):
            return None

    async def target(self, number: int) -> Target:
        """Return a target. Raises TargetMissingError."""
        if (found := await self.find(number)) is None:
            raise TargetMissingError(number=number)
        return found

    async def state(self, number: int) -> TargetState:
        """Return how copies to a target went."""
        found = await asyncio.to_thread(_read, self._state_file(number))
        try:
            return _state(found) if found else TargetState()
        except (KeyError, TypeError, ValueError):
            return TargetState()

    async def save(
        self, number: int | None, typed: Mapping[str, str], *, restores_only: bool = False
    ) -> Target:
        """Keep what an operator typed, as a new target or in place of one.

        Without a new secret the old one stays, if it goes to the same account at the same address.
        `restores_only` is for a new target; one that is changed stays what it is.
        Raises TargetInvalidError, TargetMissingError and OSError.
        """
        before = None if number is None else await self.target(number)
        free = await self._free_number() if number is None else number
        target = replace(
            target_from(free, typed, before),
            restores_only=before.restores_only if before else restores_only,
        )
        content = json.dumps(asdict(target), indent=1).encode()
        if before is None or _reached_by(before) != _reached_by(target):
            # How copies to another place went says nothing about this one.
            await asyncio.to_thread(self._state_file(free).unlink, missing_ok=True)
        await asyncio.to_thread(self.folder.mkdir, PRIVATE, parents=True, exist_ok=True)
        await asyncio.to_thread(write_atomically, self._file(free), content, mode=_MODE)
        return target

    async def remove(self, number: int) -> None:
        """Forget a target, with its secret; the copies there stay. Raises TargetMissingError."""
        await self.target(number)
        await asyncio.to_thread(self._file(number).unlink, missing_ok=True)
        await asyncio.to_thread(self._state_file(number).unlink, missing_ok=True)

    async def keep_state(self, number: int, state: TargetState) -> None:
        """Write how copies to a target went; the process that copies calls it. Raises OSError."""
        content = json.dumps(asdict(state), default=plain, indent=1).encode()
        await asyncio.to_thread(write_atomically, self._state_file(number), content, mode=_MODE)

    async def _free_number(self) -> int:
        taken = {target.number for target in await self.targets()}
        for number in range(1, MOST_TARGETS + 1):
            if number not in taken:
                return number
        raise TargetInvalidError(
            {"name": f"There are {MOST_TARGETS} targets, and that is the most."}
        )

    def _file(self, number: int) -> Path:
        return self.folder / f"{number}.json"

    def _state_file(self, number: int) -> Path:
        return self.folder / f"{number}.state.json"


def public(target: Target) -> dict[str, object]:
    """Return what a console or a program may show: everything but the secret."""
    shown: dict[str, object] = {name: getattr(target, name) for name in _PUBLIC}
    return {**shown, "has_secret": bool(target.secret)}


def _reached_by(target: Target) -> tuple[object, ...]:
    return tuple(getattr(target, name) for name in _REACHED_BY)


def _target(number: int, found: Mapping[str, Any]) -> Target:
    texts = ("name", "place", "user", "secret", "identity", "region", "opens", "closes")
    return Target(
        number=number,
        kind=TargetKind(found["kind"]),
        limit=int(found["limit"]),
        restores_only=bool(found.get("restores_only")),
        **{name: str(found[name]) for name in texts},
    )


def _state(found: Mapping[str, Any]) -> TargetState:
    known = {field.name for field in fields(TargetState)}
    given = {name: value for name, value in found.items() if name in known}
    times = {name: datetime.fromisoformat(given[name]) for name in _TIMES if given.get(name)}
    return TargetState(**{**given, **times, "protection": Protection(found["protection"])})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
