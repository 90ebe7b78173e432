"""Whether a disk has the room that a restore needs, and what the system says against a file."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from appliance.core.files import os_errors_as
from appliance.core.settings import MEBIBYTE
from appliance.restore.errors import RestoreDiskError, RestoreSpaceError
from appliance.web.formats import size

# A database is at most this much larger than its dump: rows have headers, tables have indexes.
_DATABASE = 1.6
# Its log while it is loaded.
_LOG = 1024 * MEBIBYTE
# PostgreSQL must not stop because a restore has filled the disk.
_RESERVE = 256 * MEBIBYTE


def needed_for(dump: int, files: int) -> int:
    """Return the room for a dump of this size, the database that is built from it, and files."""
    return dump + int(dump * _DATABASE) + min(_LOG, dump) + files + _RESERVE


def free_in(folder: Path) -> int:
    """Return the room on the disk of a folder that need not be there yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_room(folder: Path, needed: int) -> None:
    """Raise RestoreSpaceError where the disk of `folder` has less free than needed."""
    free = free_in(folder)
    if free < needed:
        raise RestoreSpaceError(
            place=folder, needed=size(needed), free=size(free), missing=size(needed - free)
        )


def usable(folder: Path) -> AbstractContextManager[None]:
    """Turn what the system says against a file into RestoreDiskError."""
    return os_errors_as(RestoreDiskError, folder)
