"""A disk that becomes full while a set is restored or tried: named, and nothing was changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.operations.errors import OperationError
from appliance.units.exchange import Places, RestoreState
from tests.builders.offsite import restic
from tests.builders.restores import Machine, hand_over, own, run_operation
from tests.disks import SmallDisk, needs_mounts, small_disk

pytestmark = [needs_mounts, pytest.mark.timeout(240)]

# The disk fills up when the program has read the set, or just before: another one fills it.
_SHIM = """#!/bin/sh
real=$(PATH={path} command -v restic)
case "$*" in
    *" restore "*) ;;
    *) exec "$real" "$@" ;;
esac
fill() {{ head -c 2G /dev/zero >{filler} 2>/dev/null; }}
[ {moment} = before ] && fill
"$real" "$@"
code=$?
[ {moment} = after ] && fill
exit $code
"""


def fill_it(disk: SmallDisk, moment: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the disk filled up before or after the set is read from the repository."""
    shim = folder / "restic"
    filler = disk.folder / "filler"
    path = os.environ["PATH"]
    shim.write_text(_SHIM.format(path=path, filler=filler, moment=moment))
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{path}")


def assert_it_says_how_much(error: OperationError, place: Path) -> None:
    result = error.result
    assert result.code == "restore_full"
    for fact in (place, result.facts["needed"], result.facts["free"]):
        assert str(fact) in result.message
    assert result.hint


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_full_disk_ends_a_restore_and_changes_nothing(
    machine: Machine, empty_machine: Settings, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = machine.add_documents(2)[0]
    machine.add_chunks(digest, 50)
    machine.run("set")
    home, place = empty_machine.home, empty_machine.database.parent
    request = {"work": "restore", "address": str(machine.settings.repository)}
    # What an operation is asked and what it answers is in memory, as in the package.
    with small_disk(home, "300m") as disk, small_disk(empty_machine.run, "16m"):
        empty_machine.documents.mkdir()
        empty_machine.state.mkdir()
        shutil.copy(machine.settings.state / "backup.key", empty_machine.state)
        hand_over(home)
        with monkeypatch.context() as patch:
            fill_it(disk, moment, home, patch)
            with pytest.raises(OperationError) as caught:
                run_operation(empty_machine, "restore", request)
        assert_it_says_how_much(caught.value, place)
        places = Places(empty_machine.database)
        assert places.state() is RestoreState.NONE
        assert not places.restored.exists()
        assert not places.fetched.exists()
        restic(machine.settings.repository, "check", "--read-data", "--no-lock")
        disk.make_room()
        assert run_operation(empty_machine, "restore", request)["documents_added"] == 2
        assert places.state() is RestoreState.READY


def test_a_full_disk_ends_a_drill_and_nothing_of_it_stays(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = machine.add_documents(2)[0]
    machine.add_chunks(digest, 50)
    machine.run("set")
    catalog = (machine.settings.backup / "catalog.json").read_bytes()
    place = machine.settings.backup
    with small_disk(place, "700m") as disk:
        own(place)
        (place / "catalog.json").write_bytes(catalog)
        hand_over(place)
        with monkeypatch.context() as patch:
            fill_it(disk, "after", machine.settings.home, patch)
            with pytest.raises(OperationError) as caught:
                machine.run("drill")
        assert_it_says_how_much(caught.value, place)
        assert not (place / "drill").exists()
        disk.make_room()
        assert machine.run("drill")["verdict"] == "verified"
