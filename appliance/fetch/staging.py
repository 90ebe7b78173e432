"""Where a model arrives, and how it becomes one of the served ones: whole or not at all.

Models arrive in a folder beside the served ones and are moved when each part has the checksum
that it is named after; the manifest, which makes the runner see the model, comes last. So neither
a power cut nor a damaged download can leave half a model among the served ones, and the runner
that serves and the account that fetches need not write into each other's folders.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.core.files import fsync_directory
from appliance.core.variables import MEBIBYTE
from appliance.fetch.errors import DamagedError
from appliance.fetch.names import REGISTRY, ModelName
from appliance.llm.errors import CloudModelRefusedError
from appliance.llm.manifest import Manifest, Part, is_remote

# The group is the accounts that read models, and the one that fetches them.
SHARED_FOLDER = 0o770
SHARED_FILE = 0o640
UMASK = 0o007
_DESCRIPTION_LIMIT = MEBIBYTE


class Staging:
    """The folder in which one model arrives; another attempt finds what is there already.

    `models` is the folder that holds both: `incoming/` and, as `models/`, what is served.
    """

    def __init__(self, models: Path, name: ModelName) -> None:
        self._name = name
        self._top = models / "incoming"
        self.folder = self._top / name.path
        self._served = models / "models"

    def prepare(self) -> None:
        """Make the folder, and put links into it to the parts of models that are served.

        What the runner sees there it does not download: an update fetches only what is new.
        """
        blobs = _shared(self.folder / "blobs")
        for blob in (self._served / "blobs").glob("sha256-*"):
            # The kernel refuses links to other accounts' files that we may not write to.
            with contextlib.suppress(FileExistsError, PermissionError):
                os.link(blob, blobs / blob.name)

    def publish(self) -> None:
        """Make the model a served one, and remove what only its predecessor needed.

        Raises DamagedError, after the damaged part was removed, and CloudModelRefusedError.
        """
        arrived = self.folder / "manifests" / REGISTRY / self._name.path
        manifest = self._read(arrived)
        for part in manifest.parts:
            self._check(part)
        self._refuse_remote(manifest)
        with self._locked():
            served = self._served / "manifests" / REGISTRY / self._name.path
            replaced = _parts_of(served)
            blobs = _shared(self._served / "blobs")
            for name in {part.file_name for part in manifest.parts}:
                _move_durably(self.folder / "blobs" / name, blobs / name)
            fsync_directory(blobs)
            _shared(served.parent)
            _move_durably(arrived, served)
            fsync_directory(served.parent)
            self._forget(replaced)
        shutil.rmtree(self.folder)

    def _read(self, path: Path) -> Manifest:
        try:
            return Manifest.read(path)
        except (OSError, ValueError) as error:
            path.unlink(missing_ok=True)
            raise DamagedError(model=self._name, reason="it has no readable manifest") from error

    def _check(self, part: Part) -> None:
        """Compare a part's content with its name, and remove it if it is something else."""
        blob = self.folder / "blobs" / part.file_name
        try:
            with blob.open("rb") as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == part.checksum
            whole = whole and blob.stat().st_size == part.size
        except FileNotFoundError:
            whole = False
        if not whole:
            served = self._served / "blobs" / part.file_name
            # A served part that we linked is as damaged, and would be linked again.
            if served.exists() and blob.exists() and served.samefile(blob):
                served.unlink()
            blob.unlink(missing_ok=True)
            raise DamagedError(model=self._name, reason=f"part {part.checksum[:12]} is not whole")

    def _refuse_remote(self, manifest: Manifest) -> None:
        description = manifest.parts[0]
        if description.size > _DESCRIPTION_LIMIT:
            raise DamagedError(model=self._name, reason="its description is too long")
        content = (self.folder / "blobs" / description.file_name).read_bytes()
        try:
            remote = is_remote(content)
        except ValueError as error:
            raise DamagedError(model=self._name, reason="it has no description") from error
        if remote:
            raise CloudModelRefusedError(model=self._name)

    def _forget(self, replaced: set[str]) -> None:
        """Remove the parts that no served model has any more: the runner itself keeps all."""
        needed: set[str] = set()
        for path in (self._served / "manifests").rglob("*"):
            if path.is_file():
                parts = _parts_of(path)
                if not parts:
                    # An unreadable manifest: any part may be one that it needs.
                    return
                needed |= parts
        for name in replaced - needed:
            (self._served / "blobs" / name).unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two models that arrive at once may share parts: one moves after the other."""
        with (self._top / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _parts_of(path: Path) -> set[str]:
    """Return the files that a manifest names; none if it is not there, or not readable."""
    try:
        return {part.file_name for part in Manifest.read(path).parts}
    except (OSError, ValueError):
        return set()


def _shared(folder: Path) -> Path:
    """Create a folder that the whole group may write to, and durably so.

    Its group is that of the folder above, by the setgid bit there. The caller's umask decides
    over the mode of what is made here: a later chmod would take that bit away.
    """
    if not folder.is_dir():
        _shared(folder.parent)
        folder.mkdir(mode=SHARED_FOLDER, exist_ok=True)
        fsync_directory(folder.parent)
    return folder


def _move_durably(source: Path, target: Path) -> None:
    """Move a file to where it is served, with its content safe on the disk before its name."""
    if target.exists() and target.samefile(source):
        return
    source.chmod(SHARED_FILE)
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(target)
