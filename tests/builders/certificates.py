"""Certificates as authorities of all kinds issue them, good and bad."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.tls.names import general_names
from tests.fakes.clock import START

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
HOST = "box.example"
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
PASSWORD = "open sesame"


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and the issuers up to its root."""

    certificate: x509.Certificate
    key: Key
    issuers: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        return pem_of(self.certificate)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def chain_pem(self) -> bytes:
        """The certificate with its intermediates, as authorities send it."""
        return pem_of(self.certificate, *self.issuers[:-1])

    def encrypted_key(self, password: str = PASSWORD) -> bytes:
        lock = BestAvailableEncryption(password.encode())
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)

    def pkcs12(self, password: str | None = PASSWORD) -> bytes:
        lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        others = self.issuers[:-1]
        return pkcs12.serialize_key_and_certificates(
            b"box", self.key, self.certificate, others, lock
        )


def pem_of(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the same key each time: making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def usage(*, signs: bool = True, issues: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=not issues,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def authority(
    title: str = "House authority",
    *,
    by: Issued | None = None,
    extensions: Sequence[x509.ExtensionType] | None = None,
    **changes: Any,
) -> Issued:
    """Return an authority: a root, or one below another."""
    given = authority_extensions() if extensions is None else extensions
    return certificate(title, by=by, names=(), extensions=given, **{"days": 3650, **changes})


def authority_extensions(path_length: int | None = None) -> tuple[x509.ExtensionType, ...]:
    return (
        x509.BasicConstraints(ca=True, path_length=path_length),
        usage(signs=False, issues=True),
    )


def server_extensions(*others: x509.ExtensionType) -> tuple[x509.ExtensionType, ...]:
    return (
        x509.BasicConstraints(ca=False, path_length=None),
        usage(),
        x509.ExtendedKeyUsage([SERVER]),
        *others,
    )


def certificate(
    subject: str = HOST,
    *,
    by: Issued | None = None,
    names: Iterable[str] = (HOST,),
    extensions: Sequence[x509.ExtensionType] | None = None,
    key: Key | None = None,
    starts: datetime = START - timedelta(days=10),
    days: float = 90,
) -> Issued:
    """Return a server's certificate; without an issuer it is signed by itself."""
    own = key or ec_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if by else name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + timedelta(days=days))
    )
    listed = general_names(names)
    if listed:
        builder = builder.add_extension(x509.SubjectAlternativeName(listed), critical=False)
    for extension in server_extensions() if extensions is None else extensions:
        builder = builder.add_extension(extension, critical=False)
    signer = by.key if by else own
    for identifier in (
        x509.SubjectKeyIdentifier.from_public_key(own.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
    ):
        builder = builder.add_extension(identifier, critical=False)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    issuers = (by.certificate, *by.issuers) if by else ()
    return Issued(builder.sign(signer, algorithm), own, issuers)


def chained(**changes: Any) -> Issued:
    """Return a server's certificate as public authorities issue it: root, intermediate, server."""
    intermediate = authority("House intermediate", by=authority())
    return certificate(by=intermediate, **changes)


RSA_SHA256, RSA_SHA1, RSA_MD5 = (
    bytes.fromhex(f"2a864886f70d0101{end}") for end in ("0b", "05", "04")
)


def signed_with(algorithm: bytes, issued: Issued) -> Issued:
    """Return a certificate of an RSA key that names another algorithm, which no library signs with.

    Its signature is none any more, but what is refused is the name.
    """
    data = issued.certificate.public_bytes(Encoding.DER)
    changed = data.replace(RSA_SHA256, algorithm)
    return replace(issued, certificate=x509.load_der_x509_certificate(changed))
