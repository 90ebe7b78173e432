"""Private keys as PEM: read, compared with certificates, and written without a password."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from appliance.tls.certificate import public_bytes
from appliance.tls.errors import KeyTooLargeError, KeyUnreadableError, PasswordWrongError

# A key of RSA 16384 has 12.5 KiB, and a longer one takes minutes to compute with.
LARGEST_KEY = 16 * 1024
_LARGEST_WORDS = "16 KB"
_LONGEST_PASSWORD = 1000


def load_key(pem: bytes) -> PrivateKeyTypes:
    """Return a private key that has no password. Raises KeyUnreadableError, KeyTooLargeError."""
    require_small(pem)
    try:
        # The primes of an RSA key are not tested, which takes seconds: `proves` tests its use.
        return load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnreadableError from error


def decrypted(pem: bytes, password: str) -> bytes:
    """Return an encrypted key without its password.

    How long that takes, the file itself says: call it in a process with a deadline. Raises
    PasswordWrongError, KeyUnreadableError, KeyTooLargeError.
    """
    require_small(pem)
    try:
        secret = encoded(password)
        return key_pem(load_pem_private_key(pem, secret, unsafe_skip_rsa_key_validation=True))
    except ValueError as error:
        raise PasswordWrongError from error
    except (TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnreadableError from error


def encoded(password: str) -> bytes:
    """Return a password as the files use it. Raises PasswordWrongError for an impossible one."""
    if len(password) > _LONGEST_PASSWORD:
        raise PasswordWrongError
    return password.encode("utf-8", "surrogatepass")


def require_small(pem: bytes) -> None:
    """Raise KeyTooLargeError for a key that no program uses."""
    if len(pem) > LARGEST_KEY:
        raise KeyTooLargeError(limit=_LARGEST_WORDS)


def key_pem(key: PrivateKeyTypes) -> bytes:
    """Return a key as PEM without a password."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def proves(key: PrivateKeyTypes, public: bytes) -> bool:
    """Say whether a private key is that of the public key in `public`, and can be used.

    Nginx compares the public halves only, and a damaged RSA key would fail each connection.
    """
    own = key.public_key()
    if public_bytes(own) != public:
        return False
    if not isinstance(key, rsa.RSAPrivateKey) or not isinstance(own, rsa.RSAPublicKey):
        return True
    try:
        signature = key.sign(public, padding.PKCS1v15(), hashes.SHA256())
        own.verify(signature, public, padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True
