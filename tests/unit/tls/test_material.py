"""What is read of an upload: each form that works, and a message for each that does not."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)

from appliance.tls import errors
from appliance.tls.errors import MaterialError
from appliance.tls.key import LARGEST_KEY
from appliance.tls.material import LARGEST, read_material
from appliance.tls.model import KeyKind, Material
from appliance.tls.request import make_csr, make_key
from tests.builders.certificates import (
    PASSWORD,
    authority,
    certificate,
    chained,
    ec_key,
    pem_of,
    rsa_key,
)

ISSUED = chained()
DER = ISSUED.certificate.public_bytes(Encoding.DER)
CSR = make_csr(make_key(KeyKind.ECDSA_P256), ["box.example"])
P7B = pkcs7.serialize_certificates([ISSUED.certificate], Encoding.PEM)


def der_key(form: PrivateFormat) -> bytes:
    return rsa_key().private_bytes(Encoding.DER, form, NoEncryption())


def old_encrypted_key() -> bytes:
    lock = BestAvailableEncryption(PASSWORD.encode())
    return rsa_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, lock)


def held(material: Material) -> tuple[x509.Certificate, ...]:
    return material.leaf, *material.chain


def test_a_chain_is_put_in_order_whatever_the_order_of_the_file() -> None:
    issued = certificate(by=authority("Second", by=authority("First", by=authority())))
    expected = (issued.certificate, *issued.issuers)
    for parts in permutations(expected):
        for data in (issued.key_pem + pem_of(*parts), pem_of(*parts) + issued.key_pem):
            material = read_material(data)
            assert held(material) == expected
            assert material.key == issued.key_pem
            assert material.was_ordered == (parts == expected)
            assert material.pem == pem_of(*expected)


def test_a_certificate_that_appears_twice_counts_once() -> None:
    material = read_material(ISSUED.chain_pem + ISSUED.pem)
    assert held(material) == (ISSUED.certificate, ISSUED.issuers[0])
    assert material.unrelated == ()
    assert material.was_ordered


def test_the_key_says_which_certificate_is_the_server_s() -> None:
    other = certificate("other.example", by=authority("Other"), days=365)
    data = other.pem + ISSUED.chain_pem
    assert read_material(data, key=ISSUED.key_pem).leaf == ISSUED.certificate
    assert read_material(data, key=other.key_pem).leaf == other.certificate
    assert read_material(data + ISSUED.key_pem).unrelated == (other.certificate,)


def test_of_two_certificates_of_one_key_the_newer_one_is_used() -> None:
    intermediate = authority("House intermediate", by=authority())
    key = ec_key()
    old = certificate(by=intermediate, key=key, days=30)
    new = certificate(by=intermediate, key=key, days=90)
    newer = max((old, new), key=lambda each: each.certificate.not_valid_before_utc)
    material = read_material(old.pem + new.pem + intermediate.pem, key=new.key_pem)
    assert material.leaf == newer.certificate


def test_two_issuers_of_one_name_are_told_apart_by_their_keys() -> None:
    first, second = authority("House"), authority("House")
    issued = certificate(by=second)
    material = read_material(issued.pem + first.pem + second.pem)
    assert material.chain == (second.certificate,)
    assert material.unrelated == (first.certificate,)


def test_a_circle_of_issuers_ends() -> None:
    first = authority("First", by=authority("Second"))
    second = authority("Second", by=first)
    crossed = authority("First", by=second, key=first.key)
    issued = certificate(by=first)
    material = read_material(issued.pem + first.pem + second.pem + crossed.pem)
    assert material.leaf == issued.certificate


@pytest.mark.parametrize(
    "read",
    [
        lambda: read_material(ISSUED.chain_pem, key=ISSUED.key_pem),
        lambda: read_material(ISSUED.chain_pem + ISSUED.encrypted_key(), password=PASSWORD),
        lambda: read_material(ISSUED.chain_pem, key=ISSUED.encrypted_key(), password=PASSWORD),
        lambda: read_material(ISSUED.pkcs12(), password=PASSWORD),
        lambda: read_material(ISSUED.pkcs12(None)),
        lambda: read_material(ISSUED.pkcs12(None), password=""),
        lambda: read_material(ISSUED.pkcs12("Schlüßel"), password="Schlüßel"),
        lambda: read_material((ISSUED.chain_pem + ISSUED.key_pem).replace(b"\n", b"\r\n")),
        lambda: read_material(b"Bag Attributes\n  name: box\n" + ISSUED.chain_pem + ISSUED.key_pem),
    ],
    ids=[
        *("key apart", "key encrypted", "key apart and encrypted", "PKCS#12"),
        *("PKCS#12 without password", "PKCS#12 with an empty one", "umlauts"),
        *("Windows", "text between"),
    ],
)
def test_forms_that_can_be_read(read: Callable[[], Material]) -> None:
    material = read()
    assert held(material) == (ISSUED.certificate, ISSUED.issuers[0])
    assert material.key == ISSUED.key_pem


def test_older_forms_of_keys_can_be_read() -> None:
    issued = chained(key=rsa_key())
    old = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    expected = issued.key_pem
    assert read_material(issued.pem + old).key == expected
    assert read_material(issued.pem + old_encrypted_key(), password=PASSWORD).key == expected
    named = issued.pem.replace(b" CERTIFICATE", b" X509 CERTIFICATE")
    assert read_material(named).leaf == issued.certificate


REFUSED: dict[str, tuple[type[MaterialError], bytes, dict[str, object]]] = {
    "nothing": (errors.CertificateMissingError, b"", {}),
    "text": (errors.CertificateMissingError, b"hello", {}),
    "an HTML page": (errors.CertificateMissingError, b"<html>0</html>", {}),
    "PEM in UTF-16": (errors.CertificateMissingError, ISSUED.pem.decode().encode("utf-16"), {}),
    "a parameter block": (
        errors.CertificateMissingError,
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
        {},
    ),
    "a key alone": (errors.KeyOnlyError, ISSUED.key_pem, {}),
    "a request": (errors.RequestInsteadError, CSR, {}),
    "a binary request": (
        errors.RequestInsteadError,
        x509.load_pem_x509_csr(CSR).public_bytes(Encoding.DER),
        {},
    ),
    "DER": (errors.DerError, DER, {}),
    "DER as key": (errors.DerError, ISSUED.pem, {"key": DER}),
    "a binary key": (errors.DerKeyError, ISSUED.pem, {"key": der_key(PrivateFormat.PKCS8)}),
    "an old binary key": (
        errors.DerKeyError,
        der_key(PrivateFormat.TraditionalOpenSSL),
        {},
    ),
    "PKCS#7": (errors.Pkcs7Error, P7B, {}),
    "binary PKCS#7": (
        errors.Pkcs7Error,
        pkcs7.serialize_certificates([ISSUED.certificate], Encoding.DER),
        {},
    ),
    "cut off": (errors.CutOffError, ISSUED.pem[:-40], {}),
    "cut off before the next": (errors.CutOffError, ISSUED.pem[:300] + ISSUED.pem, {}),
    "without the last dashes": (errors.CutOffError, ISSUED.pem.rstrip()[:-5], {}),
    "damaged": (
        errors.CertificateDamagedError,
        ISSUED.pem + ISSUED.pem.replace(b"MII", b"MIJ", 1),
        {},
    ),
    "a damaged key": (
        errors.KeyUnreadableError,
        ISSUED.pem,
        {"key": ISSUED.key_pem.replace(b"MI", b"MJ", 1)},
    ),
    "no key where one should be": (errors.KeyUnreadableError, ISSUED.pem, {"key": ISSUED.pem}),
    "text as key": (errors.KeyUnreadableError, ISSUED.pem, {"key": b"hello"}),
    "PKCS#12 as key": (errors.KeyUnreadableError, ISSUED.pem, {"key": ISSUED.pkcs12()}),
    "an encrypted key": (errors.KeyEncryptedError, ISSUED.pem + ISSUED.encrypted_key(), {}),
    "an old encrypted key": (errors.KeyEncryptedError, ISSUED.pem + old_encrypted_key(), {}),
    "a wrong password of a key": (
        errors.PasswordWrongError,
        ISSUED.pem + ISSUED.encrypted_key(),
        {"password": "wrong"},
    ),
    "PKCS#12 without password": (errors.PasswordMissingError, ISSUED.pkcs12(), {}),
    "a wrong password": (errors.PasswordWrongError, ISSUED.pkcs12(), {"password": "wrong"}),
    "a very long password": (
        errors.PasswordWrongError,
        ISSUED.pkcs12(),
        {"password": "x" * 100_000},
    ),
    "half a character as password": (
        errors.PasswordWrongError,
        ISSUED.pkcs12(),
        {"password": "\ud800"},
    ),
    "half of a PKCS#12": (
        errors.PasswordWrongError,
        ISSUED.pkcs12()[:500],
        {"password": PASSWORD},
    ),
    "more than 1 MB": (errors.MaterialTooLargeError, ISSUED.pem + b" " * LARGEST, {}),
    "a key of more than 1 MB": (
        errors.MaterialTooLargeError,
        ISSUED.pem,
        {"key": b" " * (LARGEST + 1)},
    ),
    "1 MB of certificates": (
        errors.TooManyCertificatesError,
        ISSUED.pem * (LARGEST // len(ISSUED.pem)),
        {},
    ),
    "a huge key": (
        errors.KeyTooLargeError,
        ISSUED.pem
        + b"-----BEGIN PRIVATE KEY-----\n"
        + b"A" * LARGEST_KEY
        + b"\n-----END PRIVATE KEY-----\n",
        {},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_its_reason(name: str) -> None:
    error, data, arguments = REFUSED[name]
    with pytest.raises(MaterialError) as caught:
        read_material(data, **arguments)  # type: ignore[arg-type]
    assert type(caught.value) is error


MESSAGES = {
    "nothing": "The file holds no certificate.",
    "a key alone": "The file holds a private key and no certificate.",
    "a request": "The file is a signing request, and not the certificate that answers it.",
    "DER": "The file is a certificate in the binary form DER; PEM is needed.",
    "a binary key": "The private key is in the binary form DER; PEM is needed.",
    "PKCS#7": "The file is a PKCS#7 (P7B) file; PEM or PKCS#12 is needed.",
    "cut off": "The file is incomplete: the block “CERTIFICATE” begins and does not end.",
    "damaged": "Certificate 2 of the file is damaged and cannot be read.",
    "a damaged key": "The private key is damaged, or of a kind that Cloister cannot read.",
    "an encrypted key": "The private key is encrypted, and no password was given.",
    "PKCS#12 without password": "The PKCS#12 file needs its password.",
    "a wrong password": "The password does not open the file, or the file is damaged.",
    "more than 1 MB": "The file is larger than 1 MB, which is too large for a certificate.",
    "1 MB of certificates": "The file holds more than 100 certificates and keys.",
    "a huge key": "The private key is larger than 16 KB, which no key in use is.",
}


@pytest.mark.parametrize("name", MESSAGES)
def test_each_reason_has_its_sentence_and_an_advice(name: str) -> None:
    _, data, arguments = REFUSED[name]
    with pytest.raises(MaterialError) as caught:
        read_material(data, **arguments)  # type: ignore[arg-type]
    assert caught.value.message == MESSAGES[name]
    assert caught.value.advice.endswith(".")


def test_no_class_of_errors_is_without_its_sentence() -> None:
    raised = {type_ for name, (type_, _, _) in REFUSED.items() if name in MESSAGES}
    assert raised == {type_ for type_, _, _ in REFUSED.values()}


def test_no_key_is_shown_by_accident() -> None:
    material = read_material(ISSUED.chain_pem + ISSUED.key_pem)
    assert material.key is not None
    assert str(material.key) not in repr(material)


def mutated(data: bytes, random_: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random_.randint(1, 8)):
        changed[random_.randrange(len(changed))] = random_.randrange(256)
    return bytes(changed)


# The library reads a serial number below one, and warns of it.
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("seed", range(4))
def test_damage_of_any_kind_is_read_or_refused(seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311 - the same damage each time
    sound = (ISSUED.chain_pem + ISSUED.key_pem, ISSUED.pkcs12(None), DER)
    for _ in range(100):
        try:
            material = read_material(mutated(random_.choice(sound), random_))
        except MaterialError:
            continue
        assert material.pem.startswith(b"-----BEGIN CERTIFICATE-----")
