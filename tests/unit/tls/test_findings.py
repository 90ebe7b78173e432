"""Each problem of a certificate: when it is found, and what an operator reads about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.tls.errors import KeyUnreadableError
from appliance.tls.findings import check
from appliance.tls.material import read_material
from appliance.tls.model import Finding, Problem
from appliance.tls.words import WORDS, advice_of, sentence_of
from tests.builders.certificates import (
    HOST,
    RSA_MD5,
    RSA_SHA1,
    Issued,
    authority,
    authority_extensions,
    certificate,
    chained,
    ec_key,
    pem_of,
    rsa_key,
    server_extensions,
    signed_with,
    usage,
)
from tests.fakes.clock import START


@dataclass(frozen=True)
class Case:
    """An upload, the machine that it is for, and what is said about it."""

    data: bytes
    sentence: str
    names: Sequence[str] = (HOST,)
    now: datetime = START


def upload(issued: Issued, sentence: str, **changes: Any) -> Case:
    """Return the case of a certificate that comes with its key and its intermediates."""
    return Case(issued.chain_pem + issued.key_pem, sentence, **changes)


def with_extensions(*extensions: x509.ExtensionType) -> Issued:
    return chained(extensions=extensions)


def below(intermediate: Issued) -> Issued:
    return certificate(by=intermediate)


def constrained() -> Issued:
    permitted = x509.NameConstraints([x509.DNSName("example.org")], None)
    extensions = (*authority_extensions(), permitted)
    return authority("Narrow", by=authority(), extensions=extensions)


NOT_A_SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
NO_AUTHORITY = x509.BasicConstraints(ca=False, path_length=None)
STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])
MINUTE = timedelta(minutes=1)


def expired() -> Case:
    sentence = (
        "The certificate expired on 2026-03-01 11:59 UTC; "
        "the clock of this machine says 2026-03-01 12:00 UTC."
    )
    return upload(chained(starts=START - timedelta(days=90) - MINUTE, days=90), sentence)


def reordered() -> Case:
    issued = certificate(by=authority("Second", by=authority("First", by=authority())))
    data = pem_of(issued.certificate, issued.issuers[1], issued.issuers[0]) + issued.key_pem
    return Case(data, "The certificates of the file are not in order.")


def unrelated() -> Case:
    issued, other = chained(), authority("Other authority")
    data = issued.chain_pem + other.pem + issued.key_pem
    return Case(data, "The file holds certificates that are no part of the chain: Other authority.")


def issuer_missing() -> Case:
    issued = chained()
    sentence = (
        "The file does not hold the certificate of House intermediate, "
        "which issued that of box.example."
    )
    return Case(issued.pem + issued.key_pem, sentence)


def chain_broken() -> Case:
    issued = chained()
    sentence = (
        "The chain is incomplete: House intermediate issued the certificate of box.example, "
        "and none of the other certificates is that issuer's."
    )
    return Case(pem_of(issued.certificate, issued.issuers[-1]) + issued.key_pem, sentence)


def too_long() -> Case:
    narrow = authority("Narrow", by=authority(), extensions=authority_extensions(path_length=0))
    issued = below(authority("Clerk", by=narrow))
    sentence = "The issuer Narrow allows at most 0 issuers below it, and this chain has 1."
    return upload(issued, sentence)


CASES: dict[Problem, Callable[[], Case]] = {
    Problem.KEY_MISSING: lambda: Case(
        chained().chain_pem, "No private key came with the certificate."
    ),
    Problem.KEY_MISMATCH: lambda: upload(
        replace(chained(), key=ec_key()),
        "The private key is not the key of the certificate for box.example.",
    ),
    Problem.KEY_KIND: lambda: upload(
        chained(key=ed25519.Ed25519PrivateKey.generate()),
        "The certificate's key is of the kind Ed25519, which browsers do not support.",
    ),
    Problem.KEY_WEAK: lambda: upload(
        chained(key=rsa_key(1024)),
        "The certificate's key is RSA 1024: browsers refuse RSA keys of less than 2048 bits.",
    ),
    Problem.KEY_RARE: lambda: upload(
        chained(key=ec_key(ec.SECP521R1())),
        "The certificate's key is ECDSA P-521, which some browsers do not support.",
    ),
    Problem.KEY_SLOW: lambda: upload(
        chained(key=rsa_key(4104)),
        "The certificate's key is RSA 4104: each new connection costs this machine much time.",
    ),
    Problem.SIGNATURE_WEAK: lambda: upload(
        signed_with(RSA_SHA1, certificate(by=authority(key=rsa_key()))),
        "The certificate is signed with SHA-1, which browsers refuse.",
    ),
    Problem.EXPIRED: expired,
    Problem.EXPIRES_SOON: lambda: upload(
        chained(starts=START - timedelta(days=70), days=90),
        "The certificate expires on 2026-03-21 12:00 UTC.",
    ),
    Problem.NOT_YET_VALID: lambda: upload(
        chained(starts=START + timedelta(days=3)),
        "The certificate is not valid before 2026-03-04 12:00 UTC; "
        "the clock of this machine says 2026-03-01 12:00 UTC.",
    ),
    Problem.CLOCK_BEHIND: lambda: upload(
        chained(starts=START + timedelta(days=1)),
        "The certificate is valid from 2026-03-02 12:00 UTC, "
        "and the clock of this machine says 2026-03-01 12:00 UTC.",
    ),
    Problem.CLOCK_UNSET: lambda: upload(
        chained(),
        "The clock of this machine says 1970-01-01 00:10 UTC, which must be wrong: "
        "the dates are not checked.",
        now=datetime(1970, 1, 1, 0, 10, tzinfo=UTC),
    ),
    Problem.TOO_LONG: lambda: upload(
        chained(days=800),
        "The certificate is valid for 800 days, and some browsers refuse more than 398.",
    ),
    Problem.NAMES_MISSING: lambda: upload(
        chained(names=()),
        "The certificate names no host: browsers ignore its subject “box.example”.",
    ),
    Problem.NO_NAME_COVERED: lambda: upload(
        chained(names=("shop.example", "10.0.0.9")),
        "The certificate is for shop.example, 10.0.0.9, "
        "and not for this machine: box.example, 10.0.0.5.",
        names=(HOST, "10.0.0.5"),
    ),
    Problem.NAMES_NOT_COVERED: lambda: upload(
        chained(),
        "The certificate does not cover 10.0.0.5, old.example.",
        names=(HOST, "10.0.0.5", "old.example"),
    ),
    Problem.WILDCARD_MISSES: lambda: upload(
        chained(names=("*.example.org",)),
        "The wildcard *.example.org does not cover example.org, a.box.example.org.",
        names=("example.org", "a.box.example.org", "box.example.org"),
    ),
    Problem.IS_AUTHORITY: lambda: upload(
        certificate(extensions=authority_extensions()),
        "The certificate for box.example is that of an authority, not of a server.",
    ),
    Problem.USAGE_NO_SIGNATURE: lambda: upload(
        with_extensions(usage(signs=False)),
        "The key usage of the certificate excludes signatures, which TLS 1.3 needs.",
    ),
    Problem.USAGE_NOT_SERVER: lambda: upload(
        with_extensions(usage(), NOT_A_SERVER),
        "The certificate is made for another purpose than a web server.",
    ),
    Problem.USAGE_NOT_STATED: lambda: upload(
        with_extensions(usage()), "The certificate does not say that it is a web server's."
    ),
    Problem.MUST_STAPLE: lambda: upload(
        with_extensions(*server_extensions(STAPLE)),
        "The certificate demands a proof of its status (OCSP) with each connection.",
    ),
    Problem.SELF_SIGNED: lambda: upload(
        certificate(), "The certificate is signed by itself: no browser trusts it."
    ),
    Problem.REORDERED: reordered,
    Problem.UNRELATED: unrelated,
    Problem.ISSUER_MISSING: issuer_missing,
    Problem.CHAIN_BROKEN: chain_broken,
    Problem.ISSUER_NOT_AUTHORITY: lambda: upload(
        below(authority("Clerk", by=authority(), extensions=(NO_AUTHORITY,))),
        "The certificate of Clerk may not issue others.",
    ),
    Problem.ISSUER_EXPIRED: lambda: upload(
        below(authority("Clerk", by=authority(), starts=START - timedelta(days=400), days=400)),
        "The certificate of the issuer Clerk expired on 2026-03-01.",
    ),
    Problem.ISSUER_NOT_YET_VALID: lambda: upload(
        below(authority("Clerk", by=authority(), starts=START + timedelta(days=1))),
        "The certificate of the issuer Clerk is not valid before 2026-03-02.",
    ),
    Problem.ISSUER_ENDS_FIRST: lambda: upload(
        below(authority("Clerk", by=authority(), days=60)),
        "The certificate of the issuer Clerk ends on 2026-04-20, before the one that it issued.",
    ),
    Problem.ISSUER_KEY_WEAK: lambda: upload(
        below(authority("Clerk", by=authority(), key=rsa_key(1024))),
        "The key of the issuer Clerk is RSA 1024, which browsers refuse.",
    ),
    Problem.ISSUER_SIGNATURE_WEAK: lambda: upload(
        below(signed_with(RSA_MD5, authority("Clerk", by=authority(key=rsa_key())))),
        "The certificate of the issuer Clerk is signed with MD5, which browsers refuse.",
    ),
    Problem.ISSUER_FORBIDS_NAME: lambda: upload(
        below(authority("Clerk", by=constrained())),
        "The issuer Narrow may not certify box.example: browsers refuse the whole certificate.",
    ),
    Problem.CHAIN_TOO_LONG: too_long,
}


def found_in(case: Case) -> tuple[Finding, ...]:
    material = read_material(case.data)
    earliest = START - timedelta(days=365)
    return check(material, names=case.names, now=case.now, earliest=earliest)


@pytest.mark.parametrize("problem", Problem)
def test_each_problem_is_found_and_has_its_sentence(problem: Problem) -> None:
    case = CASES[problem]()
    (found,) = [each for each in found_in(case) if each.problem is problem]
    assert sentence_of(found) == case.sentence
    assert advice_of(found).endswith(".")
    assert "{" not in advice_of(found)


def test_each_problem_has_words_of_its_own() -> None:
    assert set(WORDS) == set(Problem)
    assert len({words.sentence for words in WORDS.values()}) == len(Problem)


def problems(case: Case) -> list[Problem]:
    return [each.problem for each in found_in(case)]


@pytest.mark.parametrize("key", [None, rsa_key()], ids=["ECDSA", "RSA"])
def test_a_good_certificate_has_no_problem(key: Any) -> None:
    assert problems(upload(chained(key=key), "")) == []


def test_a_root_may_come_along_or_not() -> None:
    issued = chained()
    whole = pem_of(issued.certificate, *issued.issuers) + issued.key_pem
    assert problems(Case(whole, "")) == problems(upload(issued, "")) == []


def test_a_certificate_of_the_house_s_own_root_may_be_used() -> None:
    (found,) = found_in(upload(certificate(by=authority()), ""))
    assert found.problem is Problem.ISSUER_MISSING
    assert not found.is_error


def test_errors_come_before_warnings() -> None:
    issued = chained(days=800, key=rsa_key(1024), names=("other.example",))
    found = [each.is_error for each in found_in(upload(issued, ""))]
    assert found == [True, True, False]


@pytest.mark.parametrize(
    ("certified", "wanted"),
    [
        (["BOX.example"], ["box.Example."]),
        (["*.example"], ["box.example"]),
        (["xn--bcher-kva.example"], ["bücher.example"]),
        (["xn--strae-oqa.example"], ["straße.example"]),
        (["10.0.0.5", "fd00::5"], ["10.0.0.5", "[fd00:0::5]"]),
        (["box.example"], ["box.example", "localhost", "127.0.0.1", "::1"]),
        (["box.example"], []),
        (["box.example"], ["box.example", "no name at all"]),
    ],
)
def test_names_are_compared_as_browsers_do(certified: list[str], wanted: list[str]) -> None:
    assert problems(upload(chained(names=certified), "", names=wanted)) == []


@pytest.mark.parametrize(
    ("certified", "wanted"),
    [
        ("example", "box.example"),
        ("box.example", "example"),
        ("*.0.0.5", "10.0.0.5"),
        ("b*.example", "box.example"),
        ("*", "box"),
        ("bucher.example", "bücher.example"),
        ("10.0.0.5", "10.0.0.6"),
    ],
)
def test_other_names_are_not_covered(certified: str, wanted: str) -> None:
    found = problems(upload(chained(names=(certified,)), "", names=(wanted,)))
    assert Problem.NO_NAME_COVERED in found


def test_the_key_of_a_request_waits_on_the_machine() -> None:
    issued = chained()
    answer = read_material(issued.chain_pem)
    assert check(answer, names=(HOST,), now=START, key=issued.key_pem) == ()
    (found,) = check(answer, names=(HOST,), now=START, key=chained().key_pem)
    assert found.problem is Problem.KEY_MISMATCH
    with pytest.raises(KeyUnreadableError):
        check(answer, names=(HOST,), now=START, key=b"no key")


def test_an_rsa_key_that_signs_wrongly_is_not_the_key() -> None:
    good = rsa_key().private_numbers()
    broken = rsa.RSAPrivateNumbers(
        p=good.p,
        q=good.q,
        d=good.d ^ 2,
        dmp1=good.dmp1 ^ 2,
        dmq1=good.dmq1 ^ 2,
        iqmp=good.iqmp,
        public_numbers=good.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    issued = replace(chained(key=rsa_key()), key=broken)
    assert problems(upload(issued, "")) == [Problem.KEY_MISMATCH]


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        (timedelta(hours=35), Problem.CLOCK_BEHIND),
        (timedelta(hours=37), Problem.NOT_YET_VALID),
    ],
)
def test_a_clock_that_is_a_day_behind_does_not_refuse(after: timedelta, problem: Problem) -> None:
    (found,) = found_in(upload(chained(starts=START + after), ""))
    assert found.problem is problem
    assert found.is_error == (problem is Problem.NOT_YET_VALID)


def test_a_certificate_of_six_days_is_not_about_to_end() -> None:
    issued = chained(starts=START - timedelta(days=1), days=6)
    assert problems(upload(issued, "")) == []
    late = upload(issued, "", now=START + timedelta(days=3.5))
    assert problems(late) == [Problem.EXPIRES_SOON]


def test_a_clock_before_this_version_judges_no_issuer_either() -> None:
    case = upload(chained(), "", now=datetime(1999, 1, 1, tzinfo=UTC))
    assert problems(case) == [Problem.CLOCK_UNSET]


def test_a_broken_name_is_shown_without_its_control_characters() -> None:
    title = "\x1b[31mA\u202eB" + "x" * 50
    (found,) = found_in(upload(certificate(by=authority(title)), ""))
    assert sentence_of(found).isprintable()
    assert "�[31mA�B" in sentence_of(found)
