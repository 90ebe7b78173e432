"""Whether a disk has the room that a restore needs, and what the system says against a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg

from appliance.core.files import free_in, is_full, os_errors_as
from appliance.core.variables import MEBIBYTE
from appliance.repository.errors import OutputFullError
from appliance.restore.errors import (
    LoadFailedError,
    RestoreDiskError,
    RestoreFullError,
    RestoreSpaceError,
    ScratchServerError,
)
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


def require_room(folder: Path, needed: int) -> None:
    """Raise RestoreSpaceError where the disk of `folder` has less free than needed."""
    free = free_in(folder)
    if free < needed:
        raise RestoreSpaceError(
            place=folder, needed=size(needed), free=size(free), missing=size(needed - free)
        )


@contextmanager
def enough_room(folder: Path, needed: int) -> Iterator[None]:
    """Refuse to begin with too little room, and say so as well if it runs out in the block.

    Raises RestoreSpaceError before, and RestoreFullError in place of what a full disk leads to.
    """
    require_room(folder, needed)
    try:
        yield
    except OutputFullError as error:
        raise _full(folder, needed) from error
    except (LoadFailedError, RestoreDiskError, ScratchServerError, OSError, psycopg.Error) as error:
        if is_full(folder):
            raise _full(folder, needed) from error
        raise


def _full(folder: Path, needed: int) -> RestoreFullError:
    return RestoreFullError(place=folder, needed=size(needed), free=size(free_in(folder)))


def usable(folder: Path) -> AbstractContextManager[None]:
    """Turn what the system says against a file into RestoreDiskError."""
    return os_errors_as(RestoreDiskError, folder)
