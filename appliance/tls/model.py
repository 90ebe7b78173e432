"""What is known of the web server's certificate: values that travel, without words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.tls import certificate as read


class Origin(StrEnum):
    """Where the certificate that is served comes from."""

    OWN_AUTHORITY = "own authority"
    UPLOADED = "uploaded"
    REQUESTED = "requested"
    ACME = "acme"


class KeyKind(StrEnum):
    """The kinds of keys that are made here; every browser supports them."""

    ECDSA_P256 = "ecdsa-p256"
    RSA_3072 = "rsa-3072"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its issuers, the server's own first, and its key, both as PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Material:
    """What a person uploaded, put in order: the server's own certificate, then its issuers.

    `key` is PEM without a password, or None if no key came with it. `unrelated` are certificates
    that are no part of the chain, and `was_ordered` says whether the file had this order.
    """

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    key: bytes | None = field(default=None, repr=False)
    unrelated: tuple[x509.Certificate, ...] = ()
    was_ordered: bool = True

    @property
    def pem(self) -> bytes:
        """The certificates as a web server reads them."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.leaf, *self.chain))


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What people see of a certificate. `names` are host names and addresses."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    key: str
    self_signed: bool


def facts_of(pem: bytes) -> CertificateFacts:
    """Return the facts of the first certificate in `pem`. Raises ValueError if it is none."""
    certificate = read.load(pem)
    return CertificateFacts(
        subject=read.title_of(certificate.subject),
        issuer=read.title_of(certificate.issuer),
        names=tuple(map(read.shown, read.alternative_names(certificate))),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=read.fingerprint_of(certificate),
        key=read.key_words(read.public_key_of(certificate)),
        self_signed=read.is_self_signed(certificate),
    )


class Problem(StrEnum):
    """What can be wrong with a certificate; `words.py` has the words of each."""

    KEY_MISSING = "key_missing"
    KEY_MISMATCH = "key_mismatch"
    KEY_KIND = "key_kind"
    KEY_WEAK = "key_weak"
    KEY_RARE = "key_rare"
    KEY_SLOW = "key_slow"
    SIGNATURE_WEAK = "signature_weak"
    EXPIRED = "expired"
    EXPIRES_SOON = "expires_soon"
    NOT_YET_VALID = "not_yet_valid"
    CLOCK_BEHIND = "clock_behind"
    CLOCK_UNSET = "clock_unset"
    TOO_LONG = "too_long"
    NAMES_MISSING = "names_missing"
    NO_NAME_COVERED = "no_name_covered"
    NAMES_NOT_COVERED = "names_not_covered"
    WILDCARD_MISSES = "wildcard_misses"
    IS_AUTHORITY = "is_authority"
    USAGE_NO_SIGNATURE = "usage_no_signature"
    USAGE_NOT_SERVER = "usage_not_server"
    USAGE_NOT_STATED = "usage_not_stated"
    MUST_STAPLE = "must_staple"
    SELF_SIGNED = "self_signed"
    REORDERED = "reordered"
    UNRELATED = "unrelated"
    ISSUER_MISSING = "issuer_missing"
    CHAIN_BROKEN = "chain_broken"
    ISSUER_NOT_AUTHORITY = "issuer_not_authority"
    ISSUER_EXPIRED = "issuer_expired"
    ISSUER_NOT_YET_VALID = "issuer_not_yet_valid"
    ISSUER_ENDS_FIRST = "issuer_ends_first"
    ISSUER_KEY_WEAK = "issuer_key_weak"
    ISSUER_SIGNATURE_WEAK = "issuer_signature_weak"
    ISSUER_FORBIDS_NAME = "issuer_forbids_name"
    CHAIN_TOO_LONG = "chain_too_long"


_WARNINGS = frozenset(
    {
        Problem.KEY_RARE,
        Problem.KEY_SLOW,
        Problem.EXPIRES_SOON,
        Problem.CLOCK_BEHIND,
        Problem.CLOCK_UNSET,
        Problem.TOO_LONG,
        Problem.NAMES_NOT_COVERED,
        Problem.WILDCARD_MISSES,
        Problem.USAGE_NOT_STATED,
        Problem.SELF_SIGNED,
        Problem.REORDERED,
        Problem.UNRELATED,
        Problem.ISSUER_MISSING,
        Problem.ISSUER_ENDS_FIRST,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of a certificate, with the facts that its sentence names."""

    problem: Problem
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_error(self) -> bool:
        """Whether the certificate cannot be used; a warning leaves that to the operator."""
        return self.problem not in _WARNINGS
