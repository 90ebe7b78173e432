"""The files of models as their runner keeps them: blobs named by their content, and manifests."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.core.settings import Settings

# Below the home of the machine, and so in a snapshot.
FOLDER = "ollama/models"
BLOBS, MANIFESTS = f"{FOLDER}/blobs", f"{FOLDER}/manifests"
# A download that is not finished has another name.
BLOB = re.compile(r"sha256-([0-9a-f]{64})")
# host/namespace/model/tag: no part of it leads elsewhere.
MANIFEST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}/){3}[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_PLAIN_NAMESPACE = "library"


@dataclass(frozen=True, slots=True, order=True)
class ModelFile:
    """A file, by its path below the home."""

    path: str
    size: int
    changed_at: int


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """All files of models, and what stands for all of them together."""

    blobs: tuple[ModelFile, ...]
    manifests: tuple[ModelFile, ...]

    @property
    def content(self) -> str:
        """A digest that differs as soon as a file is new, gone, or written again."""
        listed = "\n".join(
            f"{file.path} {file.size} {file.changed_at}" for file in (*self.blobs, *self.manifests)
        )
        return hashlib.sha256(listed.encode()).hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """The models as people write them."""
        return tuple(sorted(model_name(file.path) for file in self.manifests))


def model_files(settings: Settings) -> ModelFiles:
    """List the files of models; none where there is no model runner. Raises OSError."""
    home = settings.home
    blobs = (file for file in _files(home, BLOBS) if is_blob(file.path))
    manifests = (file for file in _files(home, MANIFESTS) if is_manifest(file.path))
    return ModelFiles(tuple(sorted(blobs)), tuple(sorted(manifests)))


def is_blob(path: str) -> bool:
    """Whether a path below the home is that of a blob."""
    folder, _, name = path.rpartition("/")
    return folder == BLOBS and BLOB.fullmatch(name) is not None


def is_manifest(path: str) -> bool:
    """Whether a path below the home is that of a manifest."""
    relative = path.removeprefix(f"{MANIFESTS}/")
    return relative != path and MANIFEST.fullmatch(relative) is not None


def model_name(path: str) -> str:
    """Return what people call the model of a manifest, by the path of its file."""
    namespace, model, tag = path.split("/")[-3:]
    name = f"{model}:{tag}"
    return name if namespace == _PLAIN_NAMESPACE else f"{namespace}/{name}"


def fits_its_name(path: Path) -> bool:
    """Say whether the content of a blob is what its name says. Raises OSError."""
    found = BLOB.fullmatch(path.name)
    with path.open("rb") as file:
        return found is not None and hashlib.file_digest(file, "sha256").hexdigest() == found[1]


def _files(home: Path, folder: str) -> Iterator[ModelFile]:
    """Yield the regular files below a folder; a link leads nowhere."""
    if not (home / folder).is_dir():
        return
    for place, _, names in os.walk(home / folder, onerror=_raise):
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                facts = path.stat()
                relative = str(path.relative_to(home))
                yield ModelFile(relative, facts.st_size, facts.st_mtime_ns)


def _raise(error: OSError) -> None:
    """A folder that cannot be listed must not look like one without files."""
    raise error
