"""Keys that are made here, and requests to certify them."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appliance.tls import errors
from appliance.tls.errors import MaterialError
from appliance.tls.findings import check
from appliance.tls.key import key_pem, load_key
from appliance.tls.material import read_material
from appliance.tls.model import KeyKind
from appliance.tls.request import make_csr, make_key, names_in, requested_names
from tests.builders.certificates import authority, certificate
from tests.fakes.clock import START

KEY = make_key(KeyKind.ECDSA_P256)


def request_of(names: list[str], organisation: str = "") -> x509.CertificateSigningRequest:
    return x509.load_pem_x509_csr(make_csr(KEY, names, organisation))


def subject_of(request: x509.CertificateSigningRequest) -> dict[str, str]:
    return {each.rfc4514_attribute_name: str(each.value) for each in request.subject}


@pytest.mark.parametrize("kind", KeyKind)
def test_a_key_is_of_the_kind_that_was_asked_for(kind: KeyKind) -> None:
    pem = make_key(kind)
    key = load_key(pem)
    match kind:
        case KeyKind.ECDSA_P256:
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            assert isinstance(key.curve, ec.SECP256R1)
        case KeyKind.RSA_3072:
            assert isinstance(key, rsa.RSAPrivateKey)
            assert key.key_size == 3072
    request = x509.load_pem_x509_csr(make_csr(pem, ["box.example"]))
    assert request.is_signature_valid
    assert request.public_key() == key.public_key()


def test_a_request_has_each_name_once_as_certificates_hold_it() -> None:
    request = request_of(
        ["Box.Example", "*.example.org", "bücher.example", "10.0.0.5", "box.example."]
    )
    found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = found.get_values_for_type(x509.DNSName)
    assert hosts == ["box.example", "*.example.org", "xn--bcher-kva.example"]
    assert [str(each) for each in found.get_values_for_type(x509.IPAddress)] == ["10.0.0.5"]
    assert subject_of(request) == {"CN": "box.example"}
    assert names_in(request.public_bytes(Encoding.PEM)) == (*hosts, "10.0.0.5")


def test_the_subject_has_the_organisation_and_no_address() -> None:
    assert subject_of(request_of(["10.0.0.5"], " Town hall ")) == {"O": "Town hall"}
    long = ".".join(["a" * 60, "b" * 60, "example"])
    assert subject_of(request_of([long])) == {}
    organisation = request_of(["box.example"], "Büro").subject
    assert [each.oid for each in organisation] == [NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME]


@pytest.mark.parametrize(
    ("names", "organisation", "error", "sentence"),
    [
        ([], "", errors.NamesMissingError, "The request names no host."),
        (["a"] * 101, "", errors.TooManyNamesError, "The request has more than 100 names."),
        (
            ["box.example"],
            "ü" * 33,
            errors.OrganisationInvalidError,
            "The organisation's name has more than 64 bytes, or unprintable characters.",
        ),
        (
            ["box.example"],
            "a\x00b",
            errors.OrganisationInvalidError,
            "The organisation's name has more than 64 bytes, or unprintable characters.",
        ),
        (
            ["box.example"],
            "\ud800",
            errors.OrganisationInvalidError,
            "The organisation's name has more than 64 bytes, or unprintable characters.",
        ),
    ],
)
def test_a_request_that_no_authority_takes_is_refused(
    names: list[str], organisation: str, error: type[MaterialError], sentence: str
) -> None:
    with pytest.raises(error) as caught:
        make_csr(KEY, names, organisation)
    assert caught.value.message == sentence


@pytest.mark.parametrize("name", ["a b", "*", "*.10.0.0.5", "a.*.b", "https://a.b/", ""])
def test_a_name_that_is_none_is_named(name: str) -> None:
    with pytest.raises(errors.NameInvalidError) as caught:
        make_csr(KEY, ["box.example", name])
    assert caught.value.message == f"“{name}” is no host name and no address."


def test_a_long_wrong_name_is_not_repeated_whole() -> None:
    with pytest.raises(errors.NameInvalidError) as caught:
        requested_names(["x" * 100_000])
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("key", [b"", b"no key", key_pem(ed25519.Ed25519PrivateKey.generate())])
def test_a_key_that_no_authority_certifies_is_refused(key: bytes) -> None:
    with pytest.raises(errors.KeyUnreadableError):
        make_csr(key, ["box.example"])


def test_the_answer_of_an_authority_fits_the_key_that_waits() -> None:
    request = request_of(["box.example", "10.0.0.5"])
    own = load_key(KEY)
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    assert request.public_key() == own.public_key()
    intermediate = authority("House intermediate", by=authority())
    answer = certificate(by=intermediate, key=own, names=("box.example", "10.0.0.5"))
    material = read_material(answer.chain_pem, key=KEY)
    assert check(material, names=["box.example", "10.0.0.5"], now=START) == ()
