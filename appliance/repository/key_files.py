"""The key files of a repository, as they are readable without any key. Pure.

restic keeps one small JSON file a key, with the names of a user and a host in clear text. Cloister
writes the role of the key and its fingerprint there, so that a machine that has nothing but the
repository can say which key opens it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from appliance.core.errors import ApplianceError
from appliance.repository.errors import KeyRefusedError, KeyRetiredError, KeyUnknownError
from appliance.repository.model import time_of

_SEPARATOR = "."


class KeyRole(StrEnum):
    """Who holds a key: this machine, or people on paper."""

    MACHINE = "machine"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key that opens the repository.

    `id` names its file. `fingerprint` names a recovery key itself, and `retired` those that it
    replaced; a machine's key has none.
    """

    id: str
    role: KeyRole
    fingerprint: str
    created_at: datetime
    retired: tuple[str, ...] = ()

    @property
    def is_recovery(self) -> bool:
        """Whether people have it on paper; otherwise it is a machine's own."""
        return self.role is KeyRole.RECOVERY

    @property
    def user(self) -> str:
        """What restic keeps as the name of the user."""
        return self.role

    @property
    def host(self) -> str:
        """What restic keeps as the name of the host."""
        return _SEPARATOR.join((self.fingerprint, *self.retired))


def key_file(name: str, content: bytes) -> KeyFile:
    """Return what a key file says. Raises ValueError when it is none."""
    try:
        found = json.loads(content)
        created_at, host = time_of(str(found["created"])), str(found["hostname"])
        user = str(found["username"])
    except (KeyError, TypeError) as error:
        message = f"{name} is no key file"
        raise ValueError(message) from error
    if user != KeyRole.RECOVERY.value:
        return KeyFile(name, KeyRole.MACHINE, "", created_at)
    fingerprint, *retired = host.split(_SEPARATOR)
    return KeyFile(name, KeyRole.RECOVERY, fingerprint, created_at, tuple(retired))


def key_files(contents: Mapping[str, bytes]) -> tuple[KeyFile, ...]:
    """Return the keys of a repository, by the names of their files; damaged files are left out."""
    found = []
    for name, content in contents.items():
        try:
            found.append(key_file(name, content))
        except ValueError:
            continue
    return tuple(sorted(found, key=lambda key: key.created_at))


def refusal(fingerprint: str, keys: Iterable[KeyFile]) -> ApplianceError:
    """Return why a recovery key does not open a repository that has these keys."""
    recovery = [key for key in keys if key.is_recovery]
    expected = ", ".join(key.fingerprint for key in recovery) or "of another sheet"
    if any(fingerprint in key.retired for key in recovery):
        return KeyRetiredError(found=fingerprint, expected=expected)
    if all(key.fingerprint != fingerprint for key in recovery):
        return KeyUnknownError(found=fingerprint, expected=expected)
    return KeyRefusedError(found=fingerprint)
