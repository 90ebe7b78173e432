"""Sessions of operators that the database confirmed, for the hours in which it cannot."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from appliance.accounts.model import Account, Role
from appliance.core.files import private_directory, write_atomically

logger = logging.getLogger(__name__)

# How long after its last confirmation a session counts without the database.
LIMIT = timedelta(hours=12)
# How stale a confirmation on disk may get: reading a page is not a write.
_WRITTEN_EVERY = timedelta(minutes=10)
_MOST_SESSIONS = 100


@dataclass(frozen=True, slots=True)
class _Session:
    account: Account
    confirmed: datetime


class RememberedSessions:
    """Digests and whose they are, in memory and in one file that only its owner may read.

    The file lets an operator stay in when the supervisor restarts while the database is down.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sessions = _read(path)
        self._written = dict(self._sessions)

    def account(self, digest: str, now: datetime) -> Account | None:
        """Return whose session it is, if the database confirmed that not too long ago."""
        session = self._sessions.get(digest)
        if session is None or not timedelta() <= now - session.confirmed < LIMIT:
            return None
        return session.account

    def digests(self) -> list[str]:
        """Return every digest that is remembered."""
        return list(self._sessions)

    def digests_of(self, account_id: UUID) -> list[str]:
        """Return the digests of one person's sessions."""
        return [
            digest for digest, session in self._sessions.items() if session.account.id == account_id
        ]

    def keep(self, digest: str, account: Account, now: datetime) -> bool:
        """Remember a session that the database just confirmed; say whether to `write` that."""
        self._sessions[digest] = _Session(account, now)
        if len(self._sessions) > _MOST_SESSIONS:
            oldest = min(self._sessions, key=lambda known: self._sessions[known].confirmed)
            del self._sessions[oldest]
        written = self._written.get(digest)
        return (
            written is None
            or written.account != account
            or now - written.confirmed > _WRITTEN_EVERY
        )

    def forget(self, digest: str) -> bool:
        """Drop a session that ended; say whether to `write` that."""
        self._sessions.pop(digest, None)
        return digest in self._written

    def write(self) -> None:
        """Bring the file up to date. A disk that is full must not close the console."""
        sessions = dict(self._sessions)
        rows = {digest: _as_json(session) for digest, session in sessions.items()}
        try:
            private_directory(self._path.parent)
            write_atomically(self._path, json.dumps(rows).encode())
        except OSError as error:
            logger.warning("the operators' sessions could not be written down: %s", error)
        else:
            self._written = sessions


def _as_json(session: _Session) -> dict[str, str]:
    account = session.account
    return {
        "id": str(account.id),
        "name": account.name,
        "display_name": account.display_name,
        "created_at": account.created_at.isoformat(),
        "confirmed": session.confirmed.isoformat(),
    }


def _from_json(row: dict[str, Any]) -> _Session:
    account = Account(
        UUID(row["id"]),
        str(row["name"]),
        str(row["display_name"]),
        Role.OPERATOR,
        datetime.fromisoformat(row["created_at"]),
        None,
    )
    return _Session(account, datetime.fromisoformat(row["confirmed"]))


def _read(path: Path) -> dict[str, _Session]:
    """Read the file; one that is missing or damaged remembers nobody."""
    try:
        rows = json.loads(path.read_bytes())
        return {str(digest): _from_json(row) for digest, row in rows.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("the operators' remembered sessions cannot be read: %s", error)
        return {}
