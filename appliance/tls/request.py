"""Keys, and requests to other authorities to certify them."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appliance.tls.certificate import shown
from appliance.tls.errors import (
    KeyUnreadableError,
    NameInvalidError,
    NamesMissingError,
    OrganisationInvalidError,
    TooManyNamesError,
)
from appliance.tls.key import key_pem, load_key
from appliance.tls.model import KeyKind
from appliance.tls.names import address_of, canonical_pattern, general_names

# Public authorities sign at most this many.
MOST_NAMES = 100
LONGEST_ORGANISATION = 64
_LONGEST_COMMON_NAME = 64
_RSA_BITS = 3072


def make_key(kind: KeyKind) -> bytes:
    """Return a new private key as PEM."""
    match kind:
        case KeyKind.ECDSA_P256:
            return key_pem(ec.generate_private_key(ec.SECP256R1()))
        case KeyKind.RSA_3072:
            return key_pem(rsa.generate_private_key(65537, _RSA_BITS))


def requested_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a request in the form that it has, each once; wildcards are allowed.

    Raises NameInvalidError, NamesMissingError or TooManyNamesError.
    """
    if len(names) > MOST_NAMES:
        raise TooManyNamesError(limit=MOST_NAMES)
    found = []
    for name in names:
        if (canonical := canonical_pattern(name.strip())) is None:
            raise NameInvalidError(name=shown(name))
        found.append(canonical)
    if not found:
        raise NamesMissingError
    return tuple(dict.fromkeys(found))


def names_in(csr: bytes) -> tuple[str, ...]:
    """Return the names of a request. Raises ValueError when `csr` is none."""
    request = x509.load_pem_x509_csr(csr)
    found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = found.get_values_for_type(x509.DNSName)
    return (*hosts, *map(str, found.get_values_for_type(x509.IPAddress)))


def make_csr(key: bytes, names: Sequence[str], organisation: str = "") -> bytes:
    """Return a request as PEM to certify the key for these names; the first one is its subject.

    Raises what `requested_names` raises, OrganisationInvalidError, and KeyUnreadableError.
    """
    wanted = requested_names(names)
    private = load_key(key)
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyUnreadableError
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(_subject(wanted, organisation)))
        .add_extension(x509.SubjectAlternativeName(general_names(wanted)), critical=False)
    )
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM)


def _subject(names: Sequence[str], organisation: str) -> list[x509.NameAttribute[str]]:
    """Return the parts of the subject. An authority that reads it takes no address in it."""
    common = next((name for name in names if address_of(name) is None), "")
    found = []
    if organisation := organisation.strip():
        if not organisation.isprintable() or len(organisation.encode()) > LONGEST_ORGANISATION:
            raise OrganisationInvalidError(limit=LONGEST_ORGANISATION)
        found.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    if 0 < len(common) <= _LONGEST_COMMON_NAME:
        found.append(x509.NameAttribute(NameOID.COMMON_NAME, common))
    return found
