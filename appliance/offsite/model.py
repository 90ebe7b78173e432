"""Where copies of the repository go, and how the copying went. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from typing_extensions import override


class TargetKind(StrEnum):
    """How a target is reached."""

    FOLDER = "folder"
    SFTP = "sftp"
    REST = "rest-server"
    S3 = "s3"


class Protection(StrEnum):
    """Whether an attacker who controls this machine could delete the copies; it was tried out."""

    APPEND_ONLY = "append-only"
    OBJECT_LOCK = "object lock"
    NONE = "not protected against deletion"
    UNKNOWN = "not tried yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target as the operator set it up.

    `place` is a folder or an address: `/mnt/disk/cloister`, `sftp://host:22/path`,
    `https://host:8000/path/`, `https://host/bucket/prefix`. `secret` is a password, a secret key,
    or a private key in PEM. `identity` is the SHA-256 fingerprint of the host's key (`SHA256:…`),
    or in hexadecimal that of its certificate where no authority of the machine vouches for it.
    `limit` is in KiB a second, 0 for none. Between `opens` and `closes`, in local time, copies may
    be made; both empty: always. `restores_only`: backups are read there, and nothing is ever copied
    there or removed.
    """

    number: int
    name: str
    kind: TargetKind
    place: str
    user: str = ""
    secret: str = ""
    identity: str = ""
    region: str = ""
    limit: int = 0
    opens: str = ""
    closes: str = ""
    restores_only: bool = False

    @override
    def __repr__(self) -> str:
        """Keep the secret out of logs and tracebacks."""
        return f"Target({self.number}, {self.name}, {self.kind}, {self.place})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """How the copying to a target went.

    `prepared_at` is when the target was first tried with success, and made ready for copies.
    `bytes` is what the copy takes there, `free` the room that is left where it is known.
    `complete_at` is the time of the newest set that is there whole, and `models_at` is when all
    saved models were. `error` is a code, `failures`
    how many copies failed in a row. Before `next_try_at` no copy need be tried: it waits after a
    failure, or for the time of the day in which copies may be made.
    """

    prepared_at: datetime | None = None
    tried_at: datetime | None = None
    complete_at: datetime | None = None
    models_at: datetime | None = None
    files: int = 0
    bytes: int = 0
    free: int | None = None
    protection: Protection = Protection.UNKNOWN
    error: str = ""
    message: str = ""
    hint: str = ""
    failures: int = 0
    next_try_at: datetime | None = None
