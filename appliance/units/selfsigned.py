"""A self-signed certificate: without the internet no authority can sign one."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MARK = "Cloister self-signed"
# Text outside of the markers of a PEM file is ignored by every reader of the key.
KEY_COMMENT = f"# {MARK}: renewed together with its certificate.\n".encode()
# Each renewal asks people to compare the fingerprint again, so it lasts as long as it can:
# Apple's systems refuse more than 825 days, from private issuers too.
LASTS = timedelta(days=800)
RENEWED_BEFORE = timedelta(days=30)
# Clocks in one house differ, and a certificate from the future is refused.
CLOCK_TOLERANCE = timedelta(days=1)

LONGEST_COMMON_NAME = 64
LONGEST_NAME = 253
NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key as PEM; a half that is missing is empty."""

    certificate: bytes
    key: bytes


def self_signed(host: str, now: datetime) -> Pair:
    """Return a new pair for this host; its curve is known to every browser in use."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject(host)
    builder = x509.CertificateBuilder(
        subject_name=name,
        issuer_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - CLOCK_TOLERANCE,
        not_valid_after=now - CLOCK_TOLERANCE + LASTS,
    )
    for extension, critical in _extensions(key.public_key(), host):
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), KEY_COMMENT + private)


def is_ours(pair: Pair) -> bool:
    """Say whether both halves were made here: another may be its owner's only copy."""
    return (not pair.key or pair.key.startswith(KEY_COMMENT)) and (
        not pair.certificate or _made_here(pair.certificate)
    )


def is_current(certificate: x509.Certificate, host: str, now: datetime) -> bool:
    """Say whether one of ours is for this host, and for a good while yet."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return (
        certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEWED_BEFORE
        and list(extension.value) == alternative_names(host)
    )


def alternative_names(host: str) -> list[x509.GeneralName]:
    """Return what browsers compare the address with; a name that cannot be one is left out.

    The machine's addresses in the house are missing: they change, and Nginx does not see them.
    """
    addresses: list[Address] = [ip_address("127.0.0.1"), ip_address("::1")]
    names = ["localhost"]
    with suppress(ValueError):
        addresses.append(ip_address(host))
    if len(addresses) == 2 and (name := _ascii_name(host)):
        names.insert(0, name)
    return [
        *map(x509.DNSName, dict.fromkeys(names)),
        *map(x509.IPAddress, dict.fromkeys(addresses)),
    ]


def _ascii_name(host: str) -> str | None:
    """Return a host's name as it is sent over the network, or None when it is no name."""
    try:
        name = host.rstrip(".").lower().encode("idna").decode()
    except UnicodeError:
        return None
    return name if len(name) <= LONGEST_NAME and NAME.fullmatch(name) else None


def _subject(host: str) -> x509.Name:
    common = host if 0 < len(host) <= LONGEST_COMMON_NAME and host.isprintable() else "Cloister"
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _made_here(pem: bytes) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return False
    marks = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return [mark.value for mark in marks] == [MARK]


def _extensions(
    public: ec.EllipticCurvePublicKey, host: str
) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    """Return what makes it a server's certificate, and no issuer of others; which are critical."""
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(alternative_names(host)), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
    )
