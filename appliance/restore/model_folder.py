"""The folder of models, as a restore adds to it: whole files, and never in place of good ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.backup.model_files import BLOBS, fits_its_name, model_name
from appliance.core.files import fsync_directory, has_size, sync_file
from appliance.llm.manifest import Manifest

# The group of the folder is the accounts that fetch models and run them; what is made below it
# inherits that.
_FOLDER_MODE, _FILE_MODE = 0o770, 0o640


@dataclass(frozen=True, slots=True)
class Placed:
    """Models by their names: `whole` are here now, `added` are those of them that were not."""

    whole: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Files of models in a home. Paths are relative to it; each work raises OSError."""

    home: Path

    def lacking(self, blobs: Mapping[str, int]) -> dict[str, int]:
        """Return the blobs that are not here with the content that their names promise."""
        return {path: size for path, size in blobs.items() if not self._is_good(path, size)}

    def has_size(self, path: str, size: int) -> bool:
        """Say whether a file of this size is here; its content is not read."""
        return has_size(self.home / path, size)

    def place_blobs(self, source: Path, paths: Iterable[str]) -> list[str]:
        """Move blobs here whose content fits their name; return the names of the others."""
        left_out = []
        for path in paths:
            if (source / path).is_file() and fits_its_name(source / path):
                self._place(source / path, path)
            else:
                left_out.append(Path(path).name)
        return left_out

    def place_manifests(self, source: Path, paths: Iterable[str]) -> Placed:
        """Move the manifests here whose parts are all here: from then on the runner sees a model.

        A model that is whole stays as it is, also if it is a later version.
        """
        placed = Placed()
        for path in paths:
            name = model_name(path)
            if self._is_whole(self.home / path):
                placed.whole.append(name)
            elif self._is_whole(source / path):
                self._place(source / path, path)
                placed.whole.append(name)
                placed.added.append(name)
            else:
                placed.incomplete.append(name)
        return placed

    def _is_good(self, path: str, size: int) -> bool:
        return self.has_size(path, size) and fits_its_name(self.home / path)

    def _is_whole(self, manifest: Path) -> bool:
        try:
            parts = Manifest.read(manifest).parts
        except (OSError, ValueError):
            return False
        return all(self.has_size(f"{BLOBS}/{part.file_name}", part.size) for part in parts)

    def _place(self, source: Path, path: str) -> None:
        """Give a file its name, durably."""
        target = self.home / path
        _make_folders(target.parent)
        sync_file(source, _FILE_MODE)
        source.replace(target)
        fsync_directory(target.parent)


def make_empty(folder: Path) -> None:
    """Make a folder without what an interrupted restore has left in it. Raises OSError."""
    shutil.rmtree(folder, ignore_errors=True)
    _make_folders(folder)


def in_batches(paths: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """Yield so many paths at a time: a command line has a bound."""
    for start in range(0, len(paths), most):
        yield paths[start : start + most]


def _make_folders(folder: Path) -> None:
    if not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir(mode=_FOLDER_MODE)
        fsync_directory(folder.parent)
