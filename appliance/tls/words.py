"""What an operator reads about a problem of a certificate: what it is, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.core.errors import Words
from appliance.tls.model import Finding, Problem

_ASK_AGAIN = "Request a new certificate from your authority"

# Filled with the facts of the finding. A problem without a row fails a test, and mypy cannot
# see it, in exchange for a table that reads as one.
WORDS: Mapping[Problem, Words] = {
    Problem.KEY_MISSING: Words(
        "No private key came with the certificate.",
        "Choose the key's file as well, or a PKCS#12 file, which holds both.",
    ),
    Problem.KEY_MISMATCH: Words(
        "The private key is not the key of the certificate for {subject}.",
        "Use the key with which this certificate was requested. An answer to a request of this "
        "machine fits the newest request only.",
    ),
    Problem.KEY_KIND: Words(
        "The certificate's key is of the kind {key}, which browsers do not support.",
        f"{_ASK_AGAIN} with an ECDSA P-256 or RSA 3072 key.",
    ),
    Problem.KEY_WEAK: Words(
        "The certificate's key is {key}: browsers refuse RSA keys of less than 2048 bits.",
        f"{_ASK_AGAIN} with an ECDSA P-256 or RSA 3072 key.",
    ),
    Problem.KEY_RARE: Words(
        "The certificate's key is {key}, which some browsers do not support.",
        "Try it with each browser that your people use, or request one with an ECDSA P-256 key.",
    ),
    Problem.KEY_SLOW: Words(
        "The certificate's key is {key}: each new connection costs this machine much time.",
        "An ECDSA P-256 or RSA 3072 key is as safe in practice, and many times faster.",
    ),
    Problem.SIGNATURE_WEAK: Words(
        "The certificate is signed with {algorithm}, which browsers refuse.",
        f"{_ASK_AGAIN}, signed with SHA-256.",
    ),
    Problem.EXPIRED: Words(
        "The certificate expired on {ends}; the clock of this machine says {now}.",
        f"{_ASK_AGAIN}. If the clock is wrong, set it first: `timedatectl` shows it.",
    ),
    Problem.EXPIRES_SOON: Words(
        "The certificate expires on {ends}.",
        f"{_ASK_AGAIN} before that day.",
    ),
    Problem.NOT_YET_VALID: Words(
        "The certificate is not valid before {starts}; the clock of this machine says {now}.",
        "Upload it again on that day. If the clock is wrong, set it: `timedatectl` shows it.",
    ),
    Problem.CLOCK_BEHIND: Words(
        "The certificate is valid from {starts}, and the clock of this machine says {now}.",
        "If it is valid already by your own clock, set that of this machine: `timedatectl` shows "
        "it. Otherwise browsers refuse the certificate until then.",
    ),
    Problem.CLOCK_UNSET: Words(
        "The clock of this machine says {now}, which must be wrong: the dates are not checked.",
        "Set the clock, then check again: `timedatectl` shows it.",
    ),
    Problem.TOO_LONG: Words(
        "The certificate is valid for {days} days, and some browsers refuse more than 398.",
        "Devices of Apple refuse it from most authorities. A shorter one avoids the question.",
    ),
    Problem.NAMES_MISSING: Words(
        "The certificate names no host: browsers ignore its subject “{subject}”.",
        f"{_ASK_AGAIN} with the host names as “subject alternative names”; a request that this "
        "machine makes has them.",
    ),
    Problem.NO_NAME_COVERED: Words(
        "The certificate is for {certified}, and not for this machine: {names}.",
        "Use the certificate of this machine, or correct the machine's host names first.",
    ),
    Problem.NAMES_NOT_COVERED: Words(
        "The certificate does not cover {names}.",
        "Browsers warn the people who open the machine by that name or address.",
    ),
    Problem.WILDCARD_MISSES: Words(
        "The wildcard {wildcard} does not cover {names}.",
        "A wildcard stands for exactly one part of a name: neither for none nor for two.",
    ),
    Problem.IS_AUTHORITY: Words(
        "The certificate for {subject} is that of an authority, not of a server.",
        "Choose the server's own certificate. If you made it with `openssl req -x509`, add "
        "`-addext basicConstraints=critical,CA:FALSE`.",
    ),
    Problem.USAGE_NO_SIGNATURE: Words(
        "The key usage of the certificate excludes signatures, which TLS 1.3 needs.",
        f"{_ASK_AGAIN} with the key usage “digitalSignature”.",
    ),
    Problem.USAGE_NOT_SERVER: Words(
        "The certificate is made for another purpose than a web server.",
        f"{_ASK_AGAIN} with the extended key usage “serverAuth”.",
    ),
    Problem.USAGE_NOT_STATED: Words(
        "The certificate does not say that it is a web server's.",
        "Devices of Apple refuse it without the extended key usage “serverAuth”.",
    ),
    Problem.MUST_STAPLE: Words(
        "The certificate demands a proof of its status (OCSP) with each connection.",
        f"This machine reaches no authority and cannot get that proof. {_ASK_AGAIN} without "
        "“must-staple”.",
    ),
    Problem.SELF_SIGNED: Words(
        "The certificate is signed by itself: no browser trusts it.",
        "Browsers warn each person until the certificate is installed on their computer.",
    ),
    Problem.REORDERED: Words(
        "The certificates of the file are not in order.",
        "They are used in the right order: the machine's own first, then its issuers.",
    ),
    Problem.UNRELATED: Words(
        "The file holds certificates that are no part of the chain: {subjects}.",
        "They are left out.",
    ),
    Problem.ISSUER_MISSING: Words(
        "The file does not hold the certificate of {issuer}, which issued that of {subject}.",
        "If browsers do not know this issuer itself, they refuse the certificate: add the "
        "intermediate certificates that your authority offers.",
    ),
    Problem.CHAIN_BROKEN: Words(
        "The chain is incomplete: {issuer} issued the certificate of {subject}, and none of the "
        "other certificates is that issuer's.",
        "Add the intermediate certificates that your authority offers for this certificate.",
    ),
    Problem.ISSUER_NOT_AUTHORITY: Words(
        "The certificate of {issuer} may not issue others.",
        "Choose the chain that your authority offers for this certificate.",
    ),
    Problem.ISSUER_EXPIRED: Words(
        "The certificate of the issuer {issuer} expired on {ends}.",
        "Get the present intermediate certificate from your authority, and upload it as well.",
    ),
    Problem.ISSUER_NOT_YET_VALID: Words(
        "The certificate of the issuer {issuer} is not valid before {starts}.",
        "Check the clock of this machine with `timedatectl`, then ask your authority.",
    ),
    Problem.ISSUER_ENDS_FIRST: Words(
        "The certificate of the issuer {issuer} ends on {ends}, before the one that it issued.",
        "Browsers refuse the certificate from that day on: renew it before.",
    ),
    Problem.ISSUER_KEY_WEAK: Words(
        "The key of the issuer {issuer} is {key}, which browsers refuse.",
        f"{_ASK_AGAIN}, from an issuer with a stronger key.",
    ),
    Problem.ISSUER_SIGNATURE_WEAK: Words(
        "The certificate of the issuer {issuer} is signed with {algorithm}, which browsers refuse.",
        "Get the present intermediate certificate from your authority, and upload it as well.",
    ),
    Problem.ISSUER_FORBIDS_NAME: Words(
        "The issuer {issuer} may not certify {name}: browsers refuse the whole certificate.",
        f"{_ASK_AGAIN} without this name, or from an issuer that may certify it.",
    ),
    Problem.CHAIN_TOO_LONG: Words(
        "The issuer {issuer} allows at most {limit} issuers below it, and this chain has {depth}.",
        "Choose the chain that your authority offers for this certificate.",
    ),
}


def words_of(finding: Finding) -> Words:
    """Return both sentences about a finding."""
    words = WORDS[finding.problem]
    return Words(words.sentence.format(**finding.facts), words.hint.format(**finding.facts))


def sentence_of(finding: Finding) -> str:
    """Return what is wrong."""
    return words_of(finding).sentence


def advice_of(finding: Finding) -> str:
    """Return what the operator can do about it."""
    return words_of(finding).hint
