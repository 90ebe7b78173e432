"""Put a restored database in the place of the present one, in steps that can be repeated.

A restore builds a data directory beside the present one, and marks it as ready when it is whole and
on the disk. The next start of PostgreSQL exchanges the two in one step: before it everything is
old, after it everything is new. The former directory stays until an operator confirms the restore,
or undoes it.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from appliance.core.files import fsync_directory, write_atomically
from appliance.core.system_calls import exchange

# In a directory that waits for its exchange; in the place of the data it says that the exchange has
# happened, and that the rest of its steps are missing.
_READY = "READY"
# In the data directory, where a restored one is in use: what was restored.
_RESTORED = "RESTORED"
# What file systems answer that cannot exchange two directories.
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
# A request to undo waits so long for the restart of the database.
EXCHANGE_SECONDS = 60.0
# What uses the database, in the order of their restarts; each waits for what it needs.
_USERS = ("postgres", "migrate", "ingest", "webchat")


def restarted_by_exchange(names: Iterable[str]) -> list[str]:
    """Return which units restart when the database is exchanged, in their order.

    The supervisor leaves a unit alone while the database restarts, so its sessions and caches
    of the former state would stay.
    """
    known = [(name.partition("@")[0], name) for name in names]
    return [name for user in _USERS for kind, name in known if kind == user]


class RestoreState(StrEnum):
    """How far the latest restore of everything is.

    READY waits for the next start of the database, UNCONFIRMED keeps the former state.
    """

    NONE = "none"
    READY = "ready"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Places:
    """The data directory, and what a restore has beside it on the same file system.

    `restored` is built there, `fetched` holds what was read from the repository meanwhile,
    `previous` is the former data directory, `files` are settings that only root may put in place.
    """

    data: Path

    @property
    def restored(self) -> Path:
        """The data directory that is built, or that waits for its exchange."""
        return self.data.with_name("restored")

    @property
    def previous(self) -> Path:
        """The former data directory, until the restore is confirmed."""
        return self.data.with_name("previous")

    @property
    def fetched(self) -> Path:
        """What was read from the repository, while the database is built from it."""
        return self.data.with_name("fetched")

    @property
    def files(self) -> Path:
        """Restored configuration, TLS keys and targets."""
        return self.data.with_name("restored-files")

    @property
    def discarded(self) -> Path:
        """What is being deleted: a directory that is gone in part is no state to return to."""
        return self.data.with_name("discarded")

    def state(self) -> RestoreState:
        """Say how far the latest restore is."""
        if (self.restored / _READY).exists() or self.is_exchanging:
            return RestoreState.READY
        return RestoreState.UNCONFIRMED if self.previous.exists() else RestoreState.NONE

    @property
    def is_exchanging(self) -> bool:
        """Whether a start of the database is between two steps of the exchange.

        What is called `restored` then is the former state. Ask after it was seen without a marker:
        the marker moves from there to the data directory in one step.
        """
        return (self.data / _READY).exists()

    def facts(self) -> Mapping[str, object]:
        """Return what the database in use, or the one that waits, was restored from."""
        for path in (self.restored / _READY, self.data / _READY, self.data / _RESTORED):
            try:
                found = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            return found if isinstance(found, dict) else {}
        return {}

    @property
    def is_undone(self) -> bool:
        """Whether the next start returns to the former state, as an operator has asked."""
        return self.state() is RestoreState.READY and bool(self.facts().get("undone"))

    def mark_ready(self, facts: Mapping[str, object]) -> None:
        """Let the next start use the restored directory, which is whole and on the disk."""
        write_atomically(self.restored / _READY, json.dumps(facts, default=str).encode())
        fsync_directory(self.restored.parent)

    def put_in_place(self) -> bool:
        """Exchange a directory that is ready with the data directory; return whether it did.

        Each step can be repeated after a power cut: a marker moves along with the directory.
        """
        if not (self.data / _READY).exists():
            if not (self.restored / _READY).exists():
                return False
            self._exchange()
        if self.restored.exists():
            self.discard(self.previous)
            self.restored.rename(self.previous)
            fsync_directory(self.data.parent)
        (self.data / _READY).rename(self.data / _RESTORED)
        fsync_directory(self.data)
        return True

    def ask_for_previous(self) -> None:
        """Let the next start return to the former state; the restored one is kept in its place.

        Raises FileNotFoundError where there is none.
        """
        facts = {"undone": True}
        write_atomically(self.previous / _READY, json.dumps(facts).encode())
        self.discard(self.restored)
        self.previous.rename(self.restored)
        fsync_directory(self.data.parent)

    def forget_previous(self) -> None:
        """Delete the former state."""
        self.discard(self.previous)

    def clear(self) -> None:
        """Delete what an interrupted restore left; a directory that is ready stays."""
        for path in (self.discarded, self.fetched):
            if path.exists():
                shutil.rmtree(path)
        is_left = self.restored.exists() and not (self.restored / _READY).exists()
        if is_left and not self.is_exchanging:
            self.discard(self.restored)

    def discard(self, path: Path) -> None:
        """Delete a directory: first its name, in one step."""
        if not path.exists():
            return
        if self.discarded.exists():
            shutil.rmtree(self.discarded)
        path.rename(self.discarded)
        fsync_directory(path.parent)
        shutil.rmtree(self.discarded)

    def _exchange(self) -> None:
        if self.data.exists():
            try:
                exchange(self.restored, self.data)
            except OSError as error:
                if error.errno not in _CANNOT:
                    raise
                # Two steps: in between there is no data directory, and the marker says what to do.
                self.discard(self.previous)
                self.data.rename(self.previous)
                fsync_directory(self.data.parent)
        if not (self.data / _READY).exists():
            self.restored.rename(self.data)
        fsync_directory(self.data.parent)
