"""What a certificate says, read without trust in the program that wrote it."""

from __future__ import annotations

from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

_LONGEST_SHOWN = 200
_LEAST_DIGEST_BYTES = 32
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
# What the library raises about a damaged certificate; of an unknown TLS feature a KeyError.
DAMAGED = (
    *(ValueError, TypeError, KeyError, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class UnreadableError(ValueError):
    """The bytes are no certificate, or its parts cannot be read."""


def load(data: bytes, encoding: Encoding = Encoding.PEM) -> x509.Certificate:
    """Return the first certificate in `data`, all of whose parts can be read.

    Raises UnreadableError.
    """
    try:
        if encoding is Encoding.PEM:
            certificate = x509.load_pem_x509_certificate(data)
        else:
            certificate = x509.load_der_x509_certificate(data)
        require_readable(certificate)
    except DAMAGED as error:
        raise UnreadableError from error
    return certificate


def require_readable(certificate: x509.Certificate) -> None:
    """Read the parts that are parsed late. Raises UnreadableError."""
    try:
        _ = (certificate.subject, certificate.issuer, certificate.extensions)
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        alternative_names(certificate)
    except DAMAGED as error:
        raise UnreadableError from error


def extension_of(
    certificate: x509.Certificate, kind: type[_Extension]
) -> x509.Extension[_Extension] | None:
    """Return the extension of this kind, or None."""
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the host names and addresses that browsers compare with, in lower case."""
    found = extension_of(certificate, x509.SubjectAlternativeName)
    if found is None:
        return ()
    hosts = found.value.get_values_for_type(x509.DNSName)
    addresses = found.value.get_values_for_type(x509.IPAddress)
    return tuple(dict.fromkeys([*(host.lower() for host in hosts), *map(str, addresses)]))


def is_authority(certificate: x509.Certificate) -> bool:
    """Say whether the certificate may issue others."""
    found = extension_of(certificate, x509.BasicConstraints)
    return found is not None and found.value.ca


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether `issuer` signed the certificate.

    The library verifies no signature that browsers refuse: then the identifiers of the keys decide.
    """
    if certificate.issuer != issuer.subject:
        return False
    if weak_digest(certificate):
        return _names_key_of(certificate, issuer)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _names_key_of(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    named = extension_of(certificate, x509.AuthorityKeyIdentifier)
    own = extension_of(issuer, x509.SubjectKeyIdentifier)
    return not (named and own) or named.value.key_identifier in (None, own.value.digest)


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Say whether the certificate has no other issuer."""
    return is_issued_by(certificate, certificate)


def public_key_of(certificate: x509.Certificate) -> PublicKeyTypes | None:
    """Return the public key, or None where its kind is unknown."""
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def public_bytes(key: PublicKeyTypes) -> bytes:
    """Return a public key in the form in which two of them are compared."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def weak_digest(certificate: x509.Certificate) -> str | None:
    """Return the name of the digest in a certificate's signature where browsers refuse it."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return shown(certificate.signature_algorithm_oid.dotted_string)
    # Signatures with Ed25519 name no digest.
    if algorithm is None or algorithm.digest_size >= _LEAST_DIGEST_BYTES:
        return None
    return "SHA-1" if isinstance(algorithm, hashes.SHA1) else algorithm.name.upper()


def key_words(key: PublicKeyTypes | None) -> str:
    """Return the kind and the size of a key, such as `RSA 2048`."""
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
        case dsa.DSAPublicKey():
            return f"DSA {key.key_size}"
        case _:
            return "an unknown kind"


def fingerprint_of(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint as browsers show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def title_of(name: x509.Name) -> str:
    """Return a subject or an issuer for people: its common name and its organisation."""
    kinds = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    parts = [shown(str(each.value)) for kind in kinds for each in name.get_attributes_for_oid(kind)]
    return shown(", ".join(filter(None, parts)) or name.rfc4514_string() or "(without a name)")


def shown(text: str) -> str:
    """Return a text of a certificate for a page or a terminal: short, without control characters.

    Another person's program wrote it.
    """
    text = "".join(each if each.isprintable() else "\ufffd" for each in text[: _LONGEST_SHOWN + 1])
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
