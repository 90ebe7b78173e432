"""What people see of a certificate."""

from __future__ import annotations

import hashlib
import ssl
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.tls.certificate import UnreadableError
from appliance.tls.model import Pair, facts_of
from tests.builders.certificates import Key, authority, certificate, ec_key, rsa_key
from tests.fakes.clock import START


def test_the_facts_are_those_of_the_first_certificate() -> None:
    issued = certificate(by=authority(), names=("box.example", "*.box.example", "10.0.0.5"))
    facts = facts_of(issued.pem + issued.issuers[0].public_bytes(Encoding.PEM))
    assert facts.subject == "box.example"
    assert facts.issuer == "House authority"
    assert facts.names == ("box.example", "*.box.example", "10.0.0.5")
    assert facts.not_before == START - timedelta(days=10)
    assert facts.not_after == START + timedelta(days=80)
    assert not facts.self_signed


def test_the_fingerprint_is_what_a_browser_shows() -> None:
    issued = certificate()
    der = ssl.PEM_cert_to_DER_cert(issued.pem.decode())
    shown = facts_of(issued.pem).fingerprint
    assert shown.replace(":", "") == hashlib.sha256(der).hexdigest().upper()
    assert len(shown.split(":")) == 32


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (ec_key(), "ECDSA P-256"),
        (ec_key(ec.SECP384R1()), "ECDSA P-384"),
        (ec_key(ec.SECP256K1()), "ECDSA secp256k1"),
        (rsa_key(), "RSA 2048"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
    ],
)
def test_the_key_is_named_as_people_know_it(key: Key, words: str) -> None:
    facts = facts_of(certificate(key=key).pem)
    assert facts.key == words
    assert facts.self_signed


@pytest.mark.parametrize("pem", [b"", b"hello", certificate().pem[:200]])
def test_what_is_no_certificate_has_no_facts(pem: bytes) -> None:
    with pytest.raises(UnreadableError):
        facts_of(pem)


def test_a_key_is_in_no_log() -> None:
    assert "SECRET" not in repr(Pair(b"certificate", b"SECRET"))
