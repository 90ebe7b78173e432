"""The machine's own certificate authority, for machines that no other authority knows.

People install its root once. Its constraints limit what a thief of its key could imitate to this
machine's names and to what is private in each network. A host name that comes later and lies
outside of them needs another authority, whose root people install again (`is_authority_due`). An
address that lies outside does not: it is left out of the certificate, and its browsers warn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.tls import certificate as read
from appliance.tls.constraints import constraints_for, permits
from appliance.tls.key import key_pem, load_key
from appliance.tls.model import Pair
from appliance.tls.names import LOOPBACK, address_of, all_canonical, general_names

MARK = "Cloister"
AUTHORITY_LASTS = timedelta(days=3652)
# Browsers refuse more from public authorities, and some from private ones.
LEAF_LASTS = timedelta(days=397)
# Clocks in one house differ, and a certificate from the future is refused.
CLOCK_TOLERANCE = timedelta(days=1)
MOST_NAMES = 100
LONGEST_COMMON_NAME = 64
_LONGEST_IN_TITLE = 30


def make_authority(names: Sequence[str], now: datetime) -> Pair:
    """Return a new authority that may certify these names, and those below them, only."""
    key = ec.generate_private_key(ec.SECP256R1())
    wanted = _wanted(names)
    subject = _authority_name(wanted, key.public_key())
    builder = _builder(subject, key.public_key(), now, AUTHORITY_LASTS).issuer_name(subject)
    for extension, is_critical in (
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_usage(signs_certificates=True), True),
        (constraints_for(wanted), True),
    ):
        builder = builder.add_extension(extension, critical=is_critical)
    signed = builder.sign(key, hashes.SHA256())
    return Pair(signed.public_bytes(Encoding.PEM), key_pem(key))


def make_leaf(authority: Pair, names: Sequence[str], now: datetime) -> Pair:
    """Return a new pair for the web server, with the authority's root as its chain.

    The names of the machine itself (`localhost`) are added; those that the authority may not
    certify are left out.
    """
    root = read.load(authority.certificate)
    issuing = load_key(authority.key)
    if not isinstance(issuing, ec.EllipticCurvePrivateKey):
        raise TypeError("an authority of Cloister has a key on an elliptic curve")
    key = ec.generate_private_key(ec.SECP256R1())
    certified = _certifiable(root, names)
    builder = _builder(_leaf_name(certified), key.public_key(), now, LEAF_LASTS)
    builder = builder.issuer_name(root.subject)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.public_key())
    for extension, is_critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(general_names(certified)), False),
        (identifier, False),
    ):
        builder = builder.add_extension(extension, critical=is_critical)
    signed = builder.sign(issuing, hashes.SHA256())
    return Pair(signed.public_bytes(Encoding.PEM) + authority.certificate, key_pem(key))


def is_leaf_due(pem: bytes, names: Sequence[str], now: datetime) -> bool:
    """Say whether a certificate that `make_leaf` returned should be replaced now.

    It should when it lacks a name, when a third of its time is left, or when it is from the future.
    A name that the machine has no more does no harm: an address may come back in a moment, after a
    start without the network for example. Raises ValueError when `pem` holds no certificate.
    """
    leaf = read.load(pem)
    starts, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not starts <= now < ends - (ends - starts) / 3:
        return True
    return not set(_certifiable(_root_of(pem), names)) <= set(read.alternative_names(leaf))


def is_authority_due(authority: bytes, names: Sequence[str], now: datetime) -> bool:
    """Say whether another authority is needed; `authority` is the root's PEM.

    It is when a host name lies outside of its constraints, when a leaf would outlive it, or when
    it is from the future. Raises ValueError when `authority` holds no certificate.
    """
    root = read.load(authority)
    if not root.not_valid_before_utc <= now < root.not_valid_after_utc - LEAF_LASTS:
        return True
    return any(address_of(name) is None for name in left_out(authority, names))


def left_out(authority: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that the authority may not certify. Raises ValueError."""
    wanted = _wanted(names)
    certified = _certifiable(read.load(authority), names)
    return tuple(name for name in wanted if name not in certified)


def root_of(pem: bytes) -> bytes:
    """Return the root that people install, from a certificate that `make_leaf` returned.

    Raises ValueError when `pem` has no issuer.
    """
    return _root_of(pem).public_bytes(Encoding.PEM)


def _root_of(pem: bytes) -> x509.Certificate:
    chain = x509.load_pem_x509_certificates(pem)
    if len(chain) < 2:
        raise ValueError("the certificate comes without its issuer")
    return chain[-1]


def _wanted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*all_canonical(names), *LOOPBACK)))[:MOST_NAMES]


def _certifiable(root: x509.Certificate, names: Iterable[str]) -> tuple[str, ...]:
    found = read.extension_of(root, x509.NameConstraints)
    constraints = found.value if found else None
    return tuple(name for name in _wanted(names) if permits(constraints, name))


def _builder(
    subject: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    starts = now - CLOCK_TOLERANCE
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _authority_name(names: Sequence[str], public: ec.EllipticCurvePublicKey) -> x509.Name:
    """Return a name that tells two roots of one machine apart in a list of authorities."""
    digest = x509.SubjectKeyIdentifier.from_public_key(public).digest[:2].hex().upper()
    return _name(f"Cloister of {names[0][:_LONGEST_IN_TITLE]} ({digest})")


def _leaf_name(names: Sequence[str]) -> x509.Name:
    return _name(names[0] if len(names[0]) <= LONGEST_COMMON_NAME else MARK)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
