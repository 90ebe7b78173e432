"""Which units depend on which, from the catalogue alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.units.model import Unit


def dependencies_of(units: Iterable[Unit]) -> dict[str, frozenset[str]]:
    """Return for each unit all that must stop after it: what it needs or fronts, transitively."""
    direct = {unit.name: {*unit.needs, *unit.fronts} for unit in units}
    return {name: frozenset(_closure(first, direct)) for name, first in direct.items()}


def _closure(first: set[str], direct: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = set(first)
    while waiting:
        found |= waiting
        waiting = {further for name in waiting for further in direct[name]} - found
    return found
