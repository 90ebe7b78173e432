"""A drill proves that a set can be restored, names what is damaged, and leaves nothing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.backup.layout import MANIFEST, STAGES
from appliance.backup.manifest import Manifest, TableSum
from appliance.operations.errors import OperationError
from appliance.repository.model import Kind, Verdict
from appliance.repository.place import own_repository
from tests.builders.restores import Machine, hand_over

# Each work on a repository derives its keys again, which is slow by design.
pytestmark = pytest.mark.timeout(240)


def flip(path: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x01
    path.chmod(0o600)
    path.write_bytes(content)


def failed(machine: Machine, **request: object) -> OperationError:
    """Drill, and return the error with which it ends."""
    with pytest.raises(OperationError) as caught:
        machine.run("drill", **request)
    assert not (machine.settings.backup / "drill").exists()
    return caught.value


async def test_a_drill_restores_the_newest_set_and_says_so(machine: Machine) -> None:
    digests = machine.add_documents(4)
    machine.add_chunks(digests[0], 40)
    saved = machine.run("set")

    found = machine.run("drill", index=True)

    assert found["snapshot"] == saved["snapshot"]
    assert found["verdict"] == Verdict.VERIFIED
    assert (found["documents"], found["read_back"]) == (4, 4)
    assert found["tables"] > 10
    (one,) = (await machine.catalog()).sets
    assert one.is_verified
    assert not (machine.settings.backup / "drill").exists()


async def test_a_drill_of_a_set_that_lacks_a_document_fails_and_names_it(machine: Machine) -> None:
    digests = machine.add_documents(3)
    machine.path_of(digests[1]).unlink()
    machine.run("set")
    error = failed(machine)
    assert error.result.code == "files_differ"
    assert digests[1] in error.message
    (one,) = (await machine.catalog()).sets
    assert one.drilled is not None
    assert (one.drilled.verdict, one.drilled.reason) == (Verdict.FAILED, "files_differ")


def test_a_document_that_was_deleted_while_the_set_was_written_is_not_missed(
    machine: Machine,
) -> None:
    digests = machine.add_documents(3)
    machine.path_of(digests[1]).unlink()
    machine.run("set")
    machine.execute("DELETE FROM library.document WHERE digest = %s", digests[1])
    assert machine.run("drill")["verdict"] == Verdict.VERIFIED


async def test_rows_that_are_not_those_of_the_manifest_are_named(machine: Machine) -> None:
    machine.add_person("alice")
    machine.run("set")
    # The dump of another set under the manifest of the first one would look like this.
    snapshot = await _forged(machine)
    error = failed(machine, snapshot=snapshot)
    assert error.result.code == "tables_differ"
    assert "core.account" in error.message


async def _forged(machine: Machine) -> str:
    """Save the newest set again, with another sum of one table."""
    settings = machine.settings
    (one,) = (await machine.catalog()).sets
    folder = settings.home.parent / "forged"
    await own_repository(settings).restore(one.id, folder)
    path = folder / STAGES[Kind.SET] / MANIFEST
    manifest = Manifest.parse(path.read_text())
    tables = {**manifest.tables, "core.account": TableSum(1, 1)}
    path.write_text(replace(manifest, tables=tables).as_json())
    saved = await own_repository(settings).backup(
        folder,
        [STAGES[Kind.SET]],
        tags=[Kind.SET, *one.content.as_tags()],
        progress=lambda _done, _total: None,
    )
    hand_over(settings.home)
    return saved.id


@pytest.mark.parametrize("kind", ["data", "index", "snapshots", "config"])
async def test_a_flipped_byte_is_found_and_named(machine: Machine, kind: str) -> None:
    digests = machine.add_documents(2, size=200_000)
    machine.add_chunks(digests[0], 30)
    first = machine.run("set")["snapshot"]
    repository = machine.settings.repository
    before = {path for path in repository.rglob("*") if path.is_file()}
    machine.add_documents(2, size=200_000)
    second = machine.run("set")["snapshot"]
    new = [
        path
        for path in sorted(repository.rglob("*"), key=lambda path: -path.stat().st_size)
        if path.is_file() and path not in before
    ]
    path = repository / "config" if kind == "config" else _one_of(new, repository, kind, second)
    untouched = path.read_bytes()
    flip(path)

    # A set of which a file is damaged is named by id, also where the list of sets is damaged.
    error = failed(machine, snapshot=second)
    if kind == "snapshots":
        assert path.name[:12] in failed(machine).message

    named = f"{error.message} {error.result.facts}"
    if kind == "data":
        assert "/" in named
    elif kind == "config":
        assert "the file config is damaged" in error.message
    else:
        assert path.name[:12] in named, named
    assert error.result.code in {
        "repository_damaged",
        "repository_failed",
        "repository_file_damaged",
        "files_differ",
    }
    if kind == "data":
        # The set before it does not need the file.
        assert machine.run("drill", snapshot=first)["verdict"] == Verdict.VERIFIED
    else:
        path.write_bytes(untouched)
        assert machine.run("drill", snapshot=second)["verdict"] == Verdict.VERIFIED


def _one_of(new: list[Path], repository: Path, kind: str, snapshot: str) -> Path:
    if kind == "snapshots":
        return repository / kind / snapshot
    return next(path for path in new if path.relative_to(repository).parts[0] == kind)


def test_a_flipped_byte_in_the_file_of_the_key_is_named(machine: Machine) -> None:
    machine.add_documents(1)
    machine.run("set")
    (path,) = (machine.settings.repository / "keys").iterdir()
    flip(path)
    error = failed(machine)
    assert error.result.code == "repository_damaged"
    assert path.name[:12] in error.message


def test_leftovers_of_a_drill_that_was_killed_are_removed_first(machine: Machine) -> None:
    machine.add_documents(1)
    machine.run("set")
    left = machine.settings.backup / "drill" / "cluster" / "data"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("15")
    hand_over(machine.settings.backup)
    assert machine.run("drill")["verdict"] == Verdict.VERIFIED


def test_a_copy_in_a_folder_is_drilled_and_the_verdict_names_where_it_was(machine: Machine) -> None:
    machine.add_documents(1)
    machine.run("set")
    copy = machine.settings.home.parent / "copy"
    shutil.copytree(machine.settings.repository, copy)
    hand_over(copy)
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    assert machine.run("drill", address=str(copy))["verdict"] == Verdict.VERIFIED
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before
