"""The certificate that earlier versions signed with its own key, which no other computer trusts.

An upgrade keeps it for as long as it can be served: people have compared its fingerprint.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from appliance.tls import certificate as read
from appliance.tls.names import canonical

_MARK = "Cloister self-signed"
_REPLACED_BEFORE = timedelta(days=30)


def is_former(pem: bytes) -> bool:
    """Say whether an earlier version of Cloister made this certificate. Raises ValueError."""
    issuer = read.load(pem).issuer
    marks = issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return [mark.value for mark in marks] == [_MARK]


def is_former_due(pem: bytes, host: str, now: datetime) -> bool:
    """Say whether one of the machine's authority takes its place: at its end, or for a new name.

    Raises ValueError.
    """
    certificate: x509.Certificate = read.load(pem)
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    is_current = starts <= now < ends - _REPLACED_BEFORE
    return not is_current or canonical(host) not in read.alternative_names(certificate)
