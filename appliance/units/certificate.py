"""The web server's certificate: made here, unless an administrator put one in place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from appliance.core.clock import Clock
from appliance.core.files import write_atomically
from appliance.units.errors import CertificateError
from appliance.units.selfsigned import Pair, is_current, is_ours, self_signed

CERTIFICATE = "certificate.pem"
KEY = "key.pem"
# A backup reads the key as its group, which has no member. The folder keeps all others out.
KEY_MODE = 0o640
ANY_TIME = datetime.min.replace(tzinfo=UTC)


def ensure_certificate(
    folder: Path, host: str, clock: Clock, *, earliest: datetime = ANY_TIME
) -> bytes:
    """Return the certificate in `folder` as PEM, after making or renewing it if need be.

    What an administrator put there is never changed, and a clock that is before `earliest`
    judges none of ours either: a machine with an empty battery wakes up years ago, and people have
    compared the fingerprint. Raises CertificateError when theirs cannot be used, or when the folder
    cannot.
    """
    now = clock.now()
    try:
        return _ensured(folder, host, now, known_time=now >= earliest).certificate
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}"
        raise CertificateError(folder=folder, problem=problem) from error


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 fingerprint of a certificate as browsers write it. Raises ValueError."""
    digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    return digest.hex(":").upper()


def expires(pem: bytes) -> datetime:
    """Return until when a certificate is valid, in UTC. Raises ValueError."""
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc


def is_due(pem: bytes, host: str, now: datetime) -> bool:
    """Say whether this is a certificate of ours that the next start would replace.

    Raises ValueError when it is none at all.
    """
    certificate = x509.load_pem_x509_certificate(pem)
    return is_ours(Pair(pem, b"")) and not is_current(certificate, host, now)


def _ensured(folder: Path, host: str, now: datetime, *, known_time: bool) -> Pair:
    pair = Pair(_content(folder / CERTIFICATE), _content(folder / KEY))
    problem = _problem_of(pair)
    if is_ours(pair):
        if problem is None and (not known_time or is_current(_leaf(pair), host, now)):
            return pair
        pair = self_signed(host, now)
        # The key first: after a crash in between both halves are ours, and are made again.
        write_atomically(folder / KEY, pair.key, mode=KEY_MODE)
        write_atomically(folder / CERTIFICATE, pair.certificate, mode=0o644)
    elif problem:
        raise CertificateError(folder=folder, problem=problem)
    return pair


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _leaf(pair: Pair) -> x509.Certificate:
    """Return the server's own certificate: the first, those of its issuers follow."""
    return x509.load_pem_x509_certificate(pair.certificate)


def _problem_of(pair: Pair) -> str | None:
    """Say why a web server could not use this pair."""
    try:
        certified = _leaf(pair).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return f"{CERTIFICATE} holds no certificate"
    try:
        public = load_pem_private_key(pair.key, password=None).public_key()
    except TypeError:
        return f"{KEY} is encrypted, and a service cannot type its passphrase"
    except (ValueError, UnsupportedAlgorithm):
        return f"{KEY} holds no private key"
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if certified.public_bytes(*form) != public.public_bytes(*form):
        return f"{KEY} is not the key of {CERTIFICATE}"
    return None
