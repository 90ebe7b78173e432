"""The recovery key: what a person keeps on paper, and types to open the backups. Pure.

32 characters of Crockford's base32 (160 random bits) and 4 of a checksum, in groups of four. The
alphabet has no I, L, O and U: https://www.crockford.com/base32.html.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from typing_extensions import override

from appliance.repository.errors import KeyMistypedError

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SECRET, _CHECK, _GROUP, _FINGERPRINT = 32, 4, 4, 8
# What people write instead of a digit; spaces and dashes separate groups.
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None, "\n": None})
# Longer texts are no key, and are not worked on.
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    """A key as restic gets it: `password` is the part without the checksum."""

    password: str

    @classmethod
    def new(cls) -> RecoveryKey:
        """Return a new random key."""
        return cls("".join(secrets.choice(_ALPHABET) for _ in range(_SECRET)))

    @classmethod
    def parse(cls, text: str) -> RecoveryKey:
        """Read a key as a person typed it. Raises KeyMistypedError; the repository is not asked."""
        read = text.upper().translate(_READ_AS) if len(text) <= _LONGEST else ""
        found = cls(read[:_SECRET])
        if len(read) != _SECRET + _CHECK or not set(read) <= set(_ALPHABET):
            raise KeyMistypedError
        if read[_SECRET:] != found._checksum:
            raise KeyMistypedError
        return found

    @property
    def text(self) -> str:
        """The key as it is printed, in nine groups of four."""
        whole = self.password + self._checksum
        return "-".join(whole[at : at + _GROUP] for at in range(0, len(whole), _GROUP))

    @property
    def fingerprint(self) -> str:
        """Names the key without giving anything of it away: it may be printed and stored."""
        return fingerprint(self.password)

    @property
    def _checksum(self) -> str:
        return _base32("checksum", self.password, _CHECK)

    @override
    def __repr__(self) -> str:
        """Keep the key out of logs and tracebacks."""
        return f"RecoveryKey({self.fingerprint})"


def fingerprint(password: str) -> str:
    """Return the name of a key: eight characters of a hash."""
    return _base32("fingerprint", password, _FINGERPRINT)


def _base32(purpose: str, password: str, length: int) -> str:
    digest = hashlib.sha256(f"cloister {purpose} {password}".encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:length])
