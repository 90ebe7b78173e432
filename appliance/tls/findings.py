"""What is wrong with a certificate before it is used: each problem as a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.tls import certificate as read
from appliance.tls.chain_findings import chain_findings
from appliance.tls.key import load_key, proves
from appliance.tls.model import Finding, Material, Problem
from appliance.tls.name_findings import name_findings
from appliance.tls.strength import key_problem

ANY_TIME = datetime.min.replace(tzinfo=UTC)
# The most that browsers accept of public authorities, and Apple's systems of any.
LONGEST_VALIDITY = timedelta(days=398)
SOON = timedelta(days=30)
# A clock that is wrong by a time zone or by a day is more likely than a certificate that an
# authority signed in advance.
CLOCK_ERROR = timedelta(hours=36)


def check(
    material: Material,
    *,
    names: Sequence[str],
    now: datetime,
    key: bytes | None = None,
    earliest: datetime = ANY_TIME,
) -> tuple[Finding, ...]:
    """Return the problems of a certificate for a machine with these names, errors first.

    `key` is the private key as PEM where it did not come with the certificate. A clock that is
    before `earliest` judges no dates. Raises KeyUnreadableError for a key that is none.
    """
    leaf = material.leaf
    has_time = now >= earliest
    found = [
        *_key_findings(leaf, material.key or key),
        *_strength_findings(leaf),
        *(_date_findings(leaf, now) if has_time else _clock_findings(now)),
        *name_findings(read.alternative_names(leaf), names, read.title_of(leaf.subject)),
        *_usage_findings(leaf),
        *chain_findings(material, now if has_time else None),
    ]
    return tuple(sorted(found, key=lambda each: not each.is_error))


def _key_findings(leaf: x509.Certificate, key: bytes | None) -> Iterator[Finding]:
    if key is None:
        yield Finding(Problem.KEY_MISSING)
        return
    public = read.public_key_of(leaf)
    if public is not None and not proves(load_key(key), read.public_bytes(public)):
        yield Finding(Problem.KEY_MISMATCH, {"subject": read.title_of(leaf.subject)})


def _strength_findings(leaf: x509.Certificate) -> Iterator[Finding]:
    public = read.public_key_of(leaf)
    if problem := key_problem(public):
        yield Finding(problem, {"key": read.key_words(public)})
    if not read.is_self_signed(leaf) and (algorithm := read.weak_digest(leaf)):
        yield Finding(Problem.SIGNATURE_WEAK, {"algorithm": algorithm})


def _date_findings(leaf: x509.Certificate, now: datetime) -> Iterator[Finding]:
    starts, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    facts = {"now": _moment(now), "starts": _moment(starts), "ends": _moment(ends)}
    if ends <= now:
        yield Finding(Problem.EXPIRED, facts)
    elif starts > now:
        is_near = starts - now <= CLOCK_ERROR
        yield Finding(Problem.CLOCK_BEHIND if is_near else Problem.NOT_YET_VALID, facts)
    elif ends - now < min(SOON, (ends - starts) / 3):
        yield Finding(Problem.EXPIRES_SOON, facts)
    if ends - starts > LONGEST_VALIDITY:
        yield Finding(Problem.TOO_LONG, {"days": str((ends - starts).days)})


def _clock_findings(now: datetime) -> Iterator[Finding]:
    yield Finding(Problem.CLOCK_UNSET, {"now": _moment(now)})


def _usage_findings(leaf: x509.Certificate) -> Iterator[Finding]:
    if read.is_authority(leaf):
        yield Finding(Problem.IS_AUTHORITY, {"subject": read.title_of(leaf.subject)})
    usage = read.extension_of(leaf, x509.KeyUsage)
    if usage and not usage.value.digital_signature:
        yield Finding(Problem.USAGE_NO_SIGNATURE)
    extended = read.extension_of(leaf, x509.ExtendedKeyUsage)
    server = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if extended is None:
        yield Finding(Problem.USAGE_NOT_STATED)
    elif not server & set(extended.value):
        yield Finding(Problem.USAGE_NOT_SERVER)
    feature = read.extension_of(leaf, x509.TLSFeature)
    if feature and x509.TLSFeatureType.status_request in feature.value:
        yield Finding(Problem.MUST_STAPLE)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
