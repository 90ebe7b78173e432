"""Make tokens, digest them, and hash passwords. Nothing here does I/O."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHash, VerificationError
from typing_extensions import override

from appliance.accounts.errors import WeakPasswordError
from appliance.accounts.names import normal_name

LEAST_PASSWORD = 10
_MOST_PASSWORD = 1000
# A shorter name is part of many good passwords by chance.
_SHORTEST_GUESSED_NAME = 4
# Crockford's alphabet: no letter that is mistaken for a digit when a code is read aloud.
_CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LETTERS = 20


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that is shown once, and the digest that is kept."""

    text: str
    digest: bytes

    @override
    def __repr__(self) -> str:
        """Hide the text: a secret must not reach a log by accident."""
        return "Secret(…)"


def digest(text: str) -> bytes:
    """Return what is stored instead of a token. Tokens are random, so no salt is needed.

    What a client sends as one may be no UTF-8; aiohttp then keeps surrogates.
    """
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def new_token(prefix: str = "") -> Secret:
    """Return 256 random bits for a cookie or an API key."""
    text = prefix + secrets.token_urlsafe(32)
    return Secret(text, digest(text))


def new_code() -> Secret:
    """Return 100 random bits as a code that a person can type: four groups of five."""
    letters = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_LETTERS))
    text = "-".join(letters[at : at + 5] for at in range(0, _CODE_LETTERS, 5))
    return Secret(text, code_digest(text))


def code_digest(typed: str) -> bytes:
    """Return the digest of a code as typed: small letters, spaces and hyphens do not matter."""
    letters = re.sub(r"[^0-9A-Z]", "", typed.upper())
    return digest(letters.translate(str.maketrans("OIL", "011")))


def checked_password(password: str, name: str) -> str:
    """Return the password. Raises WeakPasswordError.

    Length is what counts (NIST SP 800-63B, 5.1.1.2); no rule about kinds of characters.
    """
    problem = None
    if len(password) < LEAST_PASSWORD:
        problem = "too short"
    elif len(password) > _MOST_PASSWORD:
        problem = "too long"
    elif len(set(password)) < LEAST_PASSWORD // 2 or (
        len(name) >= _SHORTEST_GUESSED_NAME and name in normal_name(password)
    ):
        problem = "too easy to guess"
    if problem:
        raise WeakPasswordError(problem=problem, least=LEAST_PASSWORD)
    return password


class Passwords:
    """Argon2id with 19 MiB and two passes, as OWASP's password storage sheet recommends."""

    def __init__(self, *, time_cost: int = 2, memory_cost: int = 19 * 1024) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_cost, parallelism=1)

    @cached_property
    def _decoy(self) -> str:
        """The hash to compare with when the name is unknown, so that the time says nothing."""
        return self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        """Return the encoded hash. Takes tens of milliseconds: call it in a thread."""
        return self._hasher.hash(password)

    def matches(self, encoded: str | None, password: str) -> bool:
        """Return whether the password is right, in the same time when there is none."""
        # The first call makes the decoy for any name, so that its delay says nothing about a name.
        decoy = self._decoy
        own = None if encoded == self.unusable() else encoded
        try:
            self._hasher.verify(own or decoy, password)
        except (VerificationError, InvalidHash):
            return False
        return own is not None

    @staticmethod
    def unusable() -> str:
        """Return a stored value that no password matches, for people who were only invited."""
        return "!"
