"""Whether browsers can follow a certificate to an authority that they trust."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from cryptography import x509

from appliance.tls import certificate as read
from appliance.tls.constraints import permits
from appliance.tls.model import Finding, Material, Problem
from appliance.tls.strength import key_problem

_REFUSED_KEYS = (Problem.KEY_WEAK, Problem.KEY_KIND)


def chain_findings(material: Material, now: datetime | None) -> Iterator[Finding]:
    """Yield the problems of a certificate's issuers; without a time none about their dates."""
    leaf, chain = material.leaf, material.chain
    last = chain[-1] if chain else leaf
    if read.is_self_signed(leaf):
        yield Finding(Problem.SELF_SIGNED)
    elif not read.is_self_signed(last):
        yield from _end(material, last)
    if not material.was_ordered:
        yield Finding(Problem.REORDERED)
    if material.unrelated:
        titles = [read.title_of(each.subject) for each in material.unrelated]
        yield Finding(Problem.UNRELATED, {"subjects": read.shown("; ".join(titles))})
    for depth, (issued, issuer) in enumerate(pairwise((leaf, *chain))):
        yield from _issuer_findings(issuer, depth)
        if now is not None:
            yield from _date_findings(issued, issuer, now)
    yield from _forbidden_names(leaf, chain)


def _end(material: Material, last: x509.Certificate) -> Iterator[Finding]:
    """Yield what is missing after the last certificate of a chain that has no root.

    A root may be left out, so a chain that has issuers counts as complete.
    """
    facts = {"subject": read.title_of(last.subject), "issuer": read.title_of(last.issuer)}
    has_other_authorities = any(map(read.is_authority, material.unrelated))
    if has_other_authorities and not material.chain:
        yield Finding(Problem.CHAIN_BROKEN, facts)
    elif has_other_authorities or not material.chain:
        yield Finding(Problem.ISSUER_MISSING, facts)


def _issuer_findings(issuer: x509.Certificate, depth: int) -> Iterator[Finding]:
    """Yield what keeps an issuer from being one; `depth` issuers are between it and the leaf."""
    facts = {"issuer": read.title_of(issuer.subject)}
    constraints = read.extension_of(issuer, x509.BasicConstraints)
    usage = read.extension_of(issuer, x509.KeyUsage)
    if not read.is_authority(issuer) or (usage and not usage.value.key_cert_sign):
        yield Finding(Problem.ISSUER_NOT_AUTHORITY, facts)
    limit = constraints.value.path_length if constraints else None
    if limit is not None and depth > limit:
        yield Finding(Problem.CHAIN_TOO_LONG, {**facts, "limit": str(limit), "depth": str(depth)})
    public = read.public_key_of(issuer)
    if key_problem(public) in _REFUSED_KEYS:
        yield Finding(Problem.ISSUER_KEY_WEAK, {**facts, "key": read.key_words(public)})
    # A root is trusted for what it is: its own signature proves nothing.
    if not read.is_self_signed(issuer) and (algorithm := read.weak_digest(issuer)):
        yield Finding(Problem.ISSUER_SIGNATURE_WEAK, {**facts, "algorithm": algorithm})


def _date_findings(
    issued: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> Iterator[Finding]:
    starts, ends = issuer.not_valid_before_utc, issuer.not_valid_after_utc
    facts = {
        "issuer": read.title_of(issuer.subject),
        "starts": f"{starts:%Y-%m-%d}",
        "ends": f"{ends:%Y-%m-%d}",
    }
    if ends <= now:
        yield Finding(Problem.ISSUER_EXPIRED, facts)
    elif starts > now:
        yield Finding(Problem.ISSUER_NOT_YET_VALID, facts)
    elif ends < issued.not_valid_after_utc:
        yield Finding(Problem.ISSUER_ENDS_FIRST, facts)


def _forbidden_names(
    leaf: x509.Certificate, chain: Sequence[x509.Certificate]
) -> Iterator[Finding]:
    """Yield each issuer that may not certify one of the names: browsers then refuse all of them."""
    names = read.alternative_names(leaf)
    for issuer in chain:
        found = read.extension_of(issuer, x509.NameConstraints)
        refused = [name for name in names if found and not permits(found.value, name)]
        if refused:
            facts = {"issuer": read.title_of(issuer.subject), "name": read.shown(refused[0])}
            yield Finding(Problem.ISSUER_FORBIDS_NAME, facts)
