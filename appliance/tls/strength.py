"""Which keys and signatures browsers refuse."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, rsa

from appliance.tls.certificate import public_key_of, shown

LEAST_RSA_BITS = 2048
_LEAST_DIGEST_BYTES = 32


def weak_signature(certificate: x509.Certificate) -> str | None:
    """Return the name of the digest in a certificate's signature where browsers refuse it."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return shown(certificate.signature_algorithm_oid.dotted_string)
    # Signatures with Ed25519 name no digest.
    if algorithm is None or algorithm.digest_size >= _LEAST_DIGEST_BYTES:
        return None
    return "SHA-1" if isinstance(algorithm, hashes.SHA1) else algorithm.name.upper()


def is_weak_key(certificate: x509.Certificate) -> bool:
    """Say whether the key of a certificate is one that browsers refuse."""
    match public_key_of(certificate):
        case rsa.RSAPublicKey(key_size=bits):
            return bits < LEAST_RSA_BITS
        case dsa.DSAPublicKey() | None:
            return True
        case _:
            return False
