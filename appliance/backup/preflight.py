"""What must be true before a backup begins."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.backup.errors import BackupSpaceError, DocumentsMissingError
from appliance.backup.store import StoredDocument
from appliance.core.variables import MEBIBYTE
from appliance.web.formats import size

# A drill restores into a cluster of its own, with its log.
_DRILL_FACTOR = 1.2
# PostgreSQL must not stop because a backup has filled the disk.
_RESERVE = 256 * MEBIBYTE
# A few files may be lost. More at once means that their disk is not there.
_MOST_MISSING = 0.1


@dataclass(frozen=True, slots=True)
class Needed:
    """How much room a backup needs.

    `dump` is what it writes, `database` what its drill restores. `new_files` is what the repository
    on the same disk grows by: all documents for the first set, few for each later one. `files` is
    the size of all documents.
    """

    dump: int
    database: int = 0
    new_files: int = 0
    files: int = 0

    @property
    def bytes(self) -> int:
        """The room in all."""
        return self.dump + int(self.database * _DRILL_FACTOR) + self.new_files + _RESERVE

    @property
    def most_saved(self) -> int:
        """The most that the repository grows by, if it has nothing of it yet."""
        return self.dump + self.files


def require_room(folder: Path, needed: Needed) -> None:
    """Compare with what the disk of `folder` has free. Raises BackupSpaceError."""
    free = shutil.disk_usage(folder).free
    if free < needed.bytes:
        raise BackupSpaceError(
            place=folder,
            needed=size(needed.bytes),
            free=size(free),
            missing=size(needed.bytes - free),
        )


def missing_files(folder: Path, documents: Iterable[StoredDocument]) -> set[str]:
    """Return the digests of documents whose file is not in the folder of documents."""
    return {
        document.digest
        for document in documents
        if not os.access(folder / document.digest[:2] / document.digest, os.F_OK)
    }


def require_documents(
    folder: Path, documents: Collection[StoredDocument], missing: Collection[str]
) -> None:
    """Refuse to save a folder that is not the one with the documents.

    Raises DocumentsMissingError. Files whose loss is recorded do not count: they must not stop the
    backups of all others.
    """
    known = {document.digest for document in documents if document.is_missing}
    unexpected = len(set(missing) - known)
    if (unexpected > _MOST_MISSING * len(documents) and unexpected > 1) or (
        unexpected and not folder.is_dir()
    ):
        raise DocumentsMissingError(place=folder, missing=unexpected, documents=len(documents))
