"""Which certificate of a file is the server's own, and in which order its issuers follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from appliance.tls.certificate import is_authority, is_issued_by, public_bytes, public_key_of

# Public chains have two to four; OpenSSL itself gives up later.
MOST_ISSUERS = 10


@dataclass(frozen=True, slots=True)
class Ordered:
    """The chain, and what is left of the file."""

    leaf: x509.Certificate
    issuers: tuple[x509.Certificate, ...]
    unrelated: tuple[x509.Certificate, ...]
    was_ordered: bool


def ordered(certificates: Sequence[x509.Certificate], public: bytes | None) -> Ordered:
    """Put the certificates of a file in order; there is at least one.

    `public` is the public key of the server, if its key came along.
    """
    distinct = tuple(dict.fromkeys(certificates))
    leaf = _leaf(distinct, public)
    rest = [each for each in distinct if each != leaf]
    issuers: list[x509.Certificate] = []
    last = leaf
    while len(issuers) < MOST_ISSUERS and (found := _issuer(last, rest)):
        rest.remove(found)
        issuers.append(found)
        last = found
    chain = (leaf, *issuers)
    return Ordered(
        leaf=leaf,
        issuers=tuple(issuers),
        unrelated=tuple(rest),
        was_ordered=tuple(each for each in distinct if each in chain) == chain,
    )


def _leaf(certificates: Sequence[x509.Certificate], public: bytes | None) -> x509.Certificate:
    """Return that of the key; else one that issues nothing; the newest where several are it."""
    of_key = [each for each in certificates if public and _public_bytes(each) == public]
    servers = [each for each in certificates if not is_authority(each)]
    subjects = [each.issuer for each in certificates if each.issuer != each.subject]
    ends = [each for each in certificates if each.subject not in subjects]
    candidates = of_key or servers or ends or certificates
    return max(candidates, key=lambda each: each.not_valid_before_utc)


def _issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """Return the one that signed it; of several with the same key the one that lasts longest."""
    if certificate.issuer == certificate.subject:
        return None
    found = [each for each in candidates if is_issued_by(certificate, each)]
    return max(found, key=lambda each: each.not_valid_after_utc, default=None)


def _public_bytes(certificate: x509.Certificate) -> bytes | None:
    key = public_key_of(certificate)
    return None if key is None else public_bytes(key)
