"""Which files `cloister ingest` opens with root's rights, and which never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.cli.errors import NoSuchFileError
from appliance.cli.sources import Sources


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """What only root may read, outside of the folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    path = outside / "shadow"
    path.write_text("root:$6$")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of somebody who is not root."""
    path = tmp_path / "docs"
    (path / "deep").mkdir(parents=True)
    (path / "b.txt").write_text("b")
    (path / "deep" / "a.txt").write_text("a")
    return path


def taken(*paths: Path) -> tuple[dict[str, str], int]:
    """Return name and content of each file that was opened, in order, and the links left out."""
    sources = Sources.of(list(paths))
    contents = {}
    for source in sources.found:
        with source.file:
            contents[str(source.path)] = source.file.read().decode()
    return contents, sources.links


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_folder_gives_all_its_files_in_order(folder: Path) -> None:
    before = open_files()
    contents, links = taken(folder)
    assert list(contents.items()) == [(f"{folder}/b.txt", "b"), (f"{folder}/deep/a.txt", "a")]
    assert links == 0
    assert open_files() == before


def test_links_in_folders_are_left_out_and_counted(folder: Path, secret: Path) -> None:
    (folder / "a.txt").symlink_to(secret)
    (folder / "deep" / "more").symlink_to(secret.parent)
    (folder / "dangling").symlink_to(folder / "nothing")
    contents, links = taken(folder)
    assert set(contents.values()) == {"a", "b"}
    assert links == 3


def test_a_link_that_was_typed_means_what_it_leads_to(
    folder: Path, secret: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").symlink_to(secret)
    (tmp_path / "folder").symlink_to(folder)
    contents, links = taken(tmp_path / "file", tmp_path / "folder")
    assert list(contents.values()) == ["root:$6$", "b", "a"]
    assert links == 0


@pytest.mark.parametrize("name", ["b.txt", "deep"])
def test_what_becomes_a_link_after_the_check_is_not_followed(
    folder: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    really_open = os.open

    def open_late(path: str | Path, *arguments: int, **more: int) -> int:
        if path == name:
            (folder / name).rename(folder.parent / "moved away")
            (folder / name).symlink_to(secret if name == "b.txt" else secret.parent)
        return really_open(path, *arguments, **more)

    monkeypatch.setattr(os, "open", open_late)
    with pytest.raises(NoSuchFileError, match=name):
        Sources.of([folder])


def test_what_becomes_a_pipe_after_the_check_blocks_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open

    def open_late(path: str | Path, *arguments: int, **more: int) -> int:
        if path == "b.txt":
            (folder / path).unlink()
            os.mkfifo(folder / path)
        return really_open(path, *arguments, **more)

    monkeypatch.setattr(os, "open", open_late)
    contents, _ = taken(folder)
    assert list(contents.values()) == ["a"]


def test_what_is_no_file_is_left_out_in_folders_and_refused_when_typed(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert set(taken(folder)[0].values()) == {"a", "b"}
    with pytest.raises(NoSuchFileError, match="neither a file nor a folder"):
        Sources.of([folder / "pipe"])
    with pytest.raises(NoSuchFileError, match="nothing at this path"):
        Sources.of([folder / "nothing"])
