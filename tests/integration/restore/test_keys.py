"""Three messages for three wrong keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.operations.errors import OperationError
from appliance.repository.recovery_key import RecoveryKey
from tests.builders.restores import Machine, run_operation

pytestmark = pytest.mark.timeout(240)


def refused(settings: Settings, folder: Path, key: str | None) -> OperationError:
    """List a repository with a key, and return the error."""
    with pytest.raises(OperationError) as caught:
        run_operation(settings, "restore", {"work": "list", "address": str(folder), "key": key})
    return caught.value


def test_each_wrong_key_has_its_own_message(machine: Machine, empty_machine: Settings) -> None:
    machine.run("set")
    first, second = RecoveryKey.new(), RecoveryKey.new()
    added = machine.run("key", work="add", recovery_key=first.text)
    machine.run("key", work="add", recovery_key=second.text)
    machine.run("prune", remove_key=added["key"])
    folder = machine.settings.repository

    found = run_operation(
        empty_machine, "restore", {"work": "list", "address": str(folder), "key": second.text}
    )
    assert len(found["snapshots"]) == 1
    assert second.fingerprint in str(found["keys"])

    typed = second.text[:-1] + ("0" if second.text[-1] != "0" else "1")
    assert refused(empty_machine, folder, typed).result.code == "key_mistyped"
    retired = refused(empty_machine, folder, first.text)
    assert retired.result.code == "key_retired"
    assert second.fingerprint in retired.advice
    unknown = RecoveryKey.new()
    other = refused(empty_machine, folder, unknown.text)
    assert other.result.code == "key_unknown"
    assert unknown.fingerprint in other.message
    assert second.fingerprint in other.advice


def test_a_place_without_a_repository_is_named(empty_machine: Settings, tmp_path: Path) -> None:
    error = refused(empty_machine, tmp_path, RecoveryKey.new().text)
    assert error.result.code == "repository_missing"
    assert str(tmp_path) in error.message
