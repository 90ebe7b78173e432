"""A restore of everything builds the new state beside the present one, then exchanges the two."""

from __future__ import annotations

from appliance.core.settings import Settings
from appliance.units.exchange import Places, RestoreState
from tests.builders.restores import (
    Machine,
    restored_database,
    run_operation,
    sums_at,
)


async def test_an_empty_machine_becomes_the_one_that_was_saved(
    machine: Machine, empty_machine: Settings
) -> None:
    digests = machine.add_documents(3)
    machine.add_chunks(digests[0], 30)
    machine.add_person("alice")
    machine.run("set")
    key = (machine.settings.state / "backup.key").read_text()
    empty_machine.state.mkdir(exist_ok=True)
    (empty_machine.state / "backup.key").write_text(key)

    found = run_operation(
        empty_machine,
        "restore",
        {"work": "restore", "address": str(machine.settings.repository), "what": "everything"},
    )

    assert found["documents_added"] == 3
    assert Places(empty_machine.database).state() is RestoreState.READY
    expected = machine.sums()
    with restored_database(empty_machine) as address:
        restored = sums_at(address)
    for table in ("library.chunk", "library.embedding", "library.page", "core.account"):
        assert restored[table] == expected[table], table
    for digest in digests:
        assert (empty_machine.documents / digest[:2] / digest).is_file()
