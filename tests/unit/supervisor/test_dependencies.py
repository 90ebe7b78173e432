"""What must outlive what."""

from __future__ import annotations

from appliance.supervisor.dependencies import dependencies_of
from tests.unit.supervisor.observations import a_unit


def test_a_unit_relies_on_what_its_needs_rely_on() -> None:
    units = (
        a_unit("base"),
        a_unit("schema", needs=("base",)),
        a_unit("site", needs=("schema",)),
        a_unit("front", fronts=("site",)),
    )
    assert dependencies_of(units) == {
        "base": frozenset(),
        "schema": {"base"},
        "site": {"schema", "base"},
        "front": {"site", "schema", "base"},
    }
