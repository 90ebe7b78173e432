"""A drill proves that a set can be restored, and leaves nothing."""

from __future__ import annotations

from appliance.repository.model import Verdict
from tests.builders.restores import Machine


async def test_a_drill_restores_the_newest_set_and_says_so(machine: Machine) -> None:
    digests = machine.add_documents(4)
    machine.add_chunks(digests[0], 40)
    saved = machine.run("set")

    found = machine.run("drill")

    assert found["snapshot"] == saved["snapshot"]
    assert found["verdict"] == Verdict.VERIFIED
    assert found["documents"] == 4
    assert found["read_back"] == 4
    (one,) = (await machine.catalog()).sets
    assert one.is_verified
    assert not (machine.settings.backup / "drill").exists()
