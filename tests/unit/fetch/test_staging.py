from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.fetch.errors import DamagedError
from appliance.fetch.names import ModelName
from appliance.fetch.staging import UMASK, Staging
from appliance.llm.errors import CloudModelRefusedError
from tests.fakes.ollama_pull import manifest_of, manifest_path, parts_of

TINY = ModelName.parse("tiny")


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    before = os.umask(UMASK)
    yield
    os.umask(before)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The folder of models as the package makes it: with the bit that hands the group down."""
    folder = tmp_path / "ollama"
    folder.mkdir()
    folder.chmod(0o2770)
    return folder


def arrive(incoming: Staging, name: str, content_of: str | None = None) -> None:
    """Put a model where the runner that fetches puts it, as that runner does."""
    content = content_of or name
    for part, digest in zip(parts_of(content), digests(content), strict=True):
        blob = incoming.folder / "blobs" / digest.replace(":", "-")
        if not blob.exists():
            blob.write_bytes(part)
    manifest = manifest_path(incoming.folder, name)
    manifest.parent.mkdir(parents=True, mode=0o755, exist_ok=True)
    manifest.write_bytes(manifest_of(content))


def digests(content: str) -> list[str]:
    manifest = json.loads(manifest_of(content))
    return [entry["digest"] for entry in (*manifest["layers"], manifest["config"])]


def blobs(models: Path) -> set[str]:
    return {path.name.replace("-", ":") for path in (models / "models/blobs").iterdir()}


def fetched(models: Path, name: ModelName = TINY, content_of: str | None = None) -> Staging:
    incoming = Staging(models, name)
    incoming.prepare()
    arrive(incoming, str(name), content_of)
    incoming.publish()
    return incoming


def test_a_model_that_arrived_is_served(models: Path) -> None:
    incoming = fetched(models)
    served = models / "models"
    manifest = served / "manifests/registry.ollama.ai/library/tiny/latest"
    assert manifest.read_bytes() == manifest_of("tiny:latest")
    assert blobs(models) == set(digests("tiny:latest"))
    assert not incoming.folder.exists()
    assert {path.name for path in served.iterdir()} == {"blobs", "manifests"}


def test_the_group_may_read_what_is_served_and_change_every_folder(models: Path) -> None:
    fetched(models, ModelName.parse("somebody/tiny:small"))
    for path in (models / "models", *(models / "models").rglob("*")):
        status = path.stat()
        expected = 0o2770 if path.is_dir() else 0o640
        assert stat.S_IMODE(status.st_mode) == expected, path
        assert status.st_gid == models.stat().st_gid


def test_a_damaged_part_is_removed_and_nothing_is_served(models: Path) -> None:
    incoming = Staging(models, TINY)
    incoming.prepare()
    arrive(incoming, "tiny:latest")
    damaged = incoming.folder / "blobs" / digests("tiny:latest")[0].replace(":", "-")
    damaged.write_bytes(bytes(damaged.stat().st_size))
    with pytest.raises(DamagedError):
        incoming.publish()
    assert not (models / "models").exists()
    assert not damaged.exists()
    arrive_again = parts_of("tiny:latest")[0]
    damaged.write_bytes(arrive_again)
    incoming.publish()
    assert blobs(models) == set(digests("tiny:latest"))


def test_a_served_part_that_is_damaged_is_fetched_again(models: Path) -> None:
    fetched(models)
    served = models / "models/blobs" / digests("tiny:latest")[0].replace(":", "-")
    served.chmod(0o660)
    served.write_bytes(b"damaged by the disk")
    with pytest.raises(DamagedError):
        fetched(models)
    assert not served.exists()
    fetched(models)
    assert served.read_bytes() == parts_of("tiny:latest")[0]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"config":{"digest":"sha256:../x","size":1},"layers":[]}']
)
def test_a_manifest_that_is_none_moves_nothing(models: Path, content: bytes) -> None:
    incoming = Staging(models, TINY)
    incoming.prepare()
    arrive(incoming, "tiny:latest")
    manifest_path(incoming.folder, "tiny:latest").write_bytes(content)
    with pytest.raises(DamagedError):
        incoming.publish()
    assert not (models / "models").exists()


def test_a_runner_that_left_no_manifest_moves_nothing(models: Path) -> None:
    incoming = Staging(models, TINY)
    incoming.prepare()
    with pytest.raises(DamagedError):
        incoming.publish()


def test_a_stub_of_a_model_elsewhere_is_refused(models: Path) -> None:
    with pytest.raises(CloudModelRefusedError):
        fetched(models, ModelName.parse("stub"))
    assert not (models / "models").exists()


def test_what_is_served_needs_not_be_fetched(models: Path) -> None:
    fetched(models)
    again = Staging(models, TINY)
    again.prepare()
    assert {path.name.replace("-", ":") for path in (again.folder / "blobs").iterdir()} == set(
        digests("tiny:latest")
    )
    arrive(again, "tiny:latest")
    again.publish()
    assert blobs(models) == set(digests("tiny:latest"))


def test_an_update_removes_what_only_the_old_one_needed(models: Path) -> None:
    fetched(models)
    fetched(models, ModelName.parse("other"))
    fetched(models, content_of="tiny:2026")
    # Both names have the licence in common, so it stays.
    assert blobs(models) == {*digests("tiny:2026"), *digests("other:latest")}


def test_nothing_is_removed_while_a_manifest_cannot_be_read(models: Path) -> None:
    fetched(models)
    fetched(models, ModelName.parse("other"))
    manifest_path(models / "models", "other:latest").write_bytes(b"")
    fetched(models, content_of="tiny:2026")
    assert set(digests("tiny:latest")) < blobs(models)


def test_an_attempt_that_broke_off_leaves_its_parts_to_the_next(models: Path) -> None:
    first = Staging(models, TINY)
    first.prepare()
    partial = first.folder / "blobs/sha256-0-partial"
    partial.write_bytes(b"half")
    second = Staging(models, TINY)
    second.prepare()
    assert partial.read_bytes() == b"half"
    arrive(second, "tiny:latest")
    second.publish()
    assert not partial.exists()
