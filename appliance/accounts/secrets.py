"""Make tokens, digest them, and hash passwords. Nothing here does I/O."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw
from typing_extensions import override

from appliance.accounts.errors import WeakPasswordError
from appliance.accounts.model import NewPassword
from appliance.accounts.names import normal_name

LEAST_PASSWORD = 10
_MOST_PASSWORD = 1000
# A shorter name is part of many good passwords by chance.
_SHORTEST_GUESSED_NAME = 4
# Crockford's alphabet: no letter that is mistaken for a digit when a code is read aloud.
_CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LETTERS = 20
_KEY_BYTES = 32
_SALT_BYTES = 16
_PARAMETERS = re.compile(
    r"\$argon2id\$v=(?P<version>\d+)\$m=(?P<memory>\d+),t=(?P<time>\d+),p=(?P<lanes>\d+)"
    r"\$(?P<salt>[A-Za-z0-9+/]+)\$(?P<bytes>\d+)"
)


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that is shown once, and the digest that is kept."""

    text: str
    digest: bytes

    @override
    def __repr__(self) -> str:
        """Hide the text: a secret must not reach a log by accident."""
        return "Secret(…)"


@dataclass(frozen=True, slots=True, repr=False)
class ExpiringSecret(Secret):
    """A secret that works until a moment."""

    expires_at: datetime


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
    """Argon2id with 19 MiB and two passes, as OWASP's password storage sheet recommends.

    From a password it derives a key. The database has the parameters with the salt, and a digest
    of the key: a process proves a password with the key, and never sees what is stored of it.
    """

    def __init__(self, *, time_cost: int = 2, memory_cost: int = 19 * 1024) -> None:
        self._costs = f"v={ARGON2_VERSION}$m={memory_cost},t={time_cost},p=1"
        # For names without a password: the time says nothing about a name.
        self._decoy = self._new_parameters()

    def new(self, password: str) -> NewPassword:
        """Return a password to store, with a new salt. Call it in a thread, as `derive`."""
        parameters = self._new_parameters()
        return NewPassword(parameters, self.derive(parameters, password))

    def derive(self, parameters: str | None, password: str) -> bytes:
        """Return the key. Takes tens of milliseconds, also without parameters: use a thread.

        Raises ValueError for parameters that no version of this program has made.
        """
        found = _PARAMETERS.fullmatch(parameters or self._decoy)
        if found is None:
            message = "the parameters of a stored password are unknown"
            raise ValueError(message)
        return hash_secret_raw(
            password.encode(),
            base64.b64decode(found["salt"] + "=="),
            time_cost=int(found["time"]),
            memory_cost=int(found["memory"]),
            parallelism=int(found["lanes"]),
            hash_len=int(found["bytes"]),
            type=Type.ID,
            version=int(found["version"]),
        )

    def _new_parameters(self) -> str:
        salt = base64.b64encode(secrets.token_bytes(_SALT_BYTES)).decode().rstrip("=")
        return f"$argon2id${self._costs}${salt}${_KEY_BYTES}"
